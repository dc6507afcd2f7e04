"""Deleting what the configuration manages and the document no longer has."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from iam.features.catalogues.service import delete_catalogue
from iam.features.configuration.rules.planning import Step
from iam.features.configuration.rules.shapes import Item, Key, Kind, State
from iam.features.configuration.service.describing import Work, empty
from iam.features.configuration.service.making import guardrail_of, whatever
from iam.features.groups.service import delete_group
from iam.features.guardrails.service import delete_guardrail
from iam.features.policies.service import delete_policy
from iam.features.resource_policies.service import delete_resource_policy
from iam.features.roles.service import delete_role
from iam.features.services.service import delete_service
from iam.features.users.service import delete_user
from iam.work import UnitOfWork


def delete(uow: UnitOfWork, step: Step, after: State) -> Iterator[Work]:
    """What deletes the object of a step; what hangs on it goes first, where it must."""
    item = step.item
    if item.kind in {Kind.GROUP, Kind.GUARDRAIL}:
        yield from empty(uow, item, without=_gone(item, after))
    yield _DELETERS[item.kind](uow, item)


def _gone(item: Item, after: State) -> frozenset[str]:
    """Members that were deleted before: with them went their memberships."""
    named = (one.partition("/") for one in item.attributes.get("members", ()))
    return frozenset(
        f"{kind}/{name}" for kind, _, name in named if Key.of(Kind(kind), name) not in after.items
    )


async def _policy(uow: UnitOfWork, item: Item) -> None:
    await delete_policy(uow, policy=item.name, expecting=whatever)


async def _group(uow: UnitOfWork, item: Item) -> None:
    await delete_group(uow, group=item.name, expecting=whatever)


async def _user(uow: UnitOfWork, item: Item) -> None:
    await delete_user(uow, user=item.name, expecting=whatever)


async def _service(uow: UnitOfWork, item: Item) -> None:
    await delete_service(uow, service=item.name, expecting=whatever)


async def _role(uow: UnitOfWork, item: Item) -> None:
    await delete_role(uow, role=item.name, expecting=whatever)


async def _catalogue(uow: UnitOfWork, item: Item) -> None:
    await delete_catalogue(uow, prefix=item.name, expecting=whatever)


async def _resource_policy(uow: UnitOfWork, item: Item) -> None:
    await delete_resource_policy(uow, resource=item.name, expecting=whatever)


async def _guardrail(uow: UnitOfWork, item: Item) -> None:
    kind, name = guardrail_of(item)
    await delete_guardrail(uow, kind, name=name, expecting=whatever)


_DELETERS: Final[Mapping[Kind, Callable[[UnitOfWork, Item], Work]]] = {
    Kind.POLICY: _policy,
    Kind.GROUP: _group,
    Kind.USER: _user,
    Kind.SERVICE: _service,
    Kind.ROLE: _role,
    Kind.ACTION_CATALOGUE: _catalogue,
    Kind.RESOURCE_POLICY: _resource_policy,
    Kind.GUARDRAIL: _guardrail,
}
