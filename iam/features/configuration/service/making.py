"""Making what is new, by the service of the feature that it belongs to."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from iam.features.catalogues.service import put_catalogue
from iam.features.configuration.rules.planning import Step
from iam.features.configuration.rules.shapes import Item, Kind
from iam.features.groups.service import create_group
from iam.features.guardrails.service import put_guardrail
from iam.features.policies.service import create_policy
from iam.features.resource_policies.service import put_resource_policy
from iam.features.roles.service import create_role
from iam.features.services.service import create_service
from iam.features.users.service import create_user
from iam.models import GuardrailKind
from iam.work import UnitOfWork

LATER: Final = frozenset({"policies", "inline_policies", "members", "targets"})
"""What is added to an object once all new ones are there."""


def whatever(_: int | None) -> None:
    """Any version will do: the plan as a whole was compared with what was shown."""


async def make(uow: UnitOfWork, step: Step) -> None:
    """Make the object of a step, but for what comes `LATER`."""
    await _MAKERS[step.item.kind](uow, step.item)


def _attributes(item: Item) -> dict[str, Any]:
    return {name: value for name, value in item.attributes.items() if name not in LATER}


async def _policy(uow: UnitOfWork, item: Item) -> None:
    await create_policy(uow, name=item.name, **_attributes(item))


async def _group(uow: UnitOfWork, item: Item) -> None:
    await create_group(uow, name=item.name, **_attributes(item))


async def _user(uow: UnitOfWork, item: Item) -> None:
    await create_user(uow, name=item.name, **_attributes(item))


async def _service(uow: UnitOfWork, item: Item) -> None:
    await create_service(uow, name=item.name, **_attributes(item))


async def _role(uow: UnitOfWork, item: Item) -> None:
    await create_role(uow, name=item.name, **_attributes(item))


async def put_item_catalogue(uow: UnitOfWork, item: Item) -> None:
    """Write an action catalogue, new or in place of the one that is there."""
    document = {"prefix": item.name, **item.attributes["catalogue"]}
    owner = item.attributes["owner"]
    await put_catalogue(uow, prefix=item.name, document=document, owner=owner, expecting=whatever)


async def put_item_policy(uow: UnitOfWork, item: Item) -> None:
    """Write a resource policy, new or in place of the one that is there."""
    document = item.attributes["document"]
    await put_resource_policy(uow, resource=item.name, document=document, expecting=whatever)


async def put_item_guardrail(uow: UnitOfWork, item: Item) -> None:
    """Write a guardrail, new or in place of the one that is there."""
    kind, name = guardrail_of(item)
    await put_guardrail(
        uow,
        kind,
        name=name,
        document=item.attributes["document"],
        description=item.attributes["description"],
        expecting=whatever,
    )


def guardrail_of(item: Item) -> tuple[GuardrailKind, str]:
    """Kind and name of a guardrail."""
    kind, _, name = item.name.partition("/")
    return GuardrailKind(kind), name


_MAKERS: Final[Mapping[Kind, Callable[[UnitOfWork, Item], Awaitable[None]]]] = {
    Kind.POLICY: _policy,
    Kind.GROUP: _group,
    Kind.USER: _user,
    Kind.SERVICE: _service,
    Kind.ROLE: _role,
    Kind.ACTION_CATALOGUE: put_item_catalogue,
    Kind.RESOURCE_POLICY: put_item_policy,
    Kind.GUARDRAIL: put_item_guardrail,
}
