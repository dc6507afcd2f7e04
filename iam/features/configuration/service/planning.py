"""Plans and exports: they read, and change nothing."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import authorize, authorize_all
from iam.authz.context import both_prefixes
from iam.errors import invalid
from iam.features.configuration import queries
from iam.features.configuration.rules.exporting import exportable, exported
from iam.features.configuration.rules.plan import Plan, Planning
from iam.features.configuration.rules.reading import NAME, SECTIONS, Reading, is_name, read
from iam.features.configuration.rules.shapes import Item, Kind, State
from iam.features.configuration.rules.values import Terms
from iam.models import MAIN_ACCOUNT, guardrail_resource
from iam.work import Asked, UnitOfWork

_READING: Final[Mapping[Kind, Action]] = {
    Kind.POLICY: Action.GET_POLICY_VERSION,
    Kind.GROUP: Action.GET_GROUP,
    Kind.USER: Action.GET_USER,
    Kind.SERVICE: Action.GET_SERVICE,
    Kind.ROLE: Action.GET_ROLE,
    Kind.ACTION_CATALOGUE: Action.GET_ACTION_CATALOGUE,
    Kind.RESOURCE_POLICY: Action.GET_RESOURCE_POLICY,
    Kind.GUARDRAIL: Action.DESCRIBE_GUARDRAIL,
}
"""What it takes to read an object elsewhere takes it here, too (PE-22)."""


async def plan_configuration(uow: UnitOfWork, *, document: Mapping[str, Any], prunes: bool) -> Plan:
    """What applying this document would change, and for whom.

    With `prunes`, what the configuration manages and the document no longer has is deleted. Raises
    `invalid` with every defect of the document.
    """
    reading = read(document, _terms(uow))
    action = Action.GET_ACCOUNT_AUTHORIZATION_DETAILS
    await authorize(uow, action, configuration_arn(uow, document))
    before = await queries.read_state(uow)
    await authorize_all(uow, list(_questions(uow, before, _named(reading, before))))
    planning = Planning(reading, before, prunes=prunes, now=uow.now)
    effects = []
    for effect in planning.effects():
        effects.append(effect)
        await asyncio.sleep(0)  # a large plan takes a second, and others wait for their answers
    return planning.plan(effects)


async def export_configuration(
    uow: UnitOfWork, *, name: str, sections: Iterable[str] = ()
) -> dict[str, Any]:
    """The account as a document: what this configuration manages, and what none does.

    Raises `invalid` for what is no name of a configuration: nobody could apply the document.
    """
    if not is_name(name):
        message = "expected the name of a configuration: lower case letters, digits, `_`, `.`, `-`"
        raise invalid("name_invalid", message)
    action = Action.GET_ACCOUNT_AUTHORIZATION_DETAILS
    await authorize(uow, action, configuration_arn(uow, {NAME: name}))
    state = await queries.read_state(uow)
    wanted = frozenset(sections)
    kinds = [kind for section, kind in SECTIONS.items() if not wanted or section in wanted]
    shown = [item for kind in kinds for item in exportable(state, kind, name=name)]
    await authorize_all(uow, list(_questions(uow, state, shown)))
    return exported(state, name=name, sections=wanted)


def configuration_arn(uow: UnitOfWork, document: Mapping[str, Any]) -> str:
    """The ARN of the configuration that a document is of."""
    name = document.get(NAME)
    resource = f"configuration/{name if is_name(name) else '-'}"
    return uow.arn_of("iam", uow.caller.account, resource)


def _terms(uow: UnitOfWork) -> Terms:
    settings = uow.settings
    return Terms(
        account=uow.caller.account,
        partition=settings.partition,
        limits=settings.policies.limits(),
        reserved=(settings.issuer, settings.public_url),
    )


def _named(reading: Reading, before: State) -> Iterator[Item]:
    """The objects that are there, of those a plan tells of."""
    for key, item in before.items.items():
        is_managed = before.owners.get(key) == reading.name
        if (key in reading.wanted or is_managed) and not item.is_shipped:
            yield item


def _questions(uow: UnitOfWork, state: State, items: Iterable[Item]) -> Iterator[Asked]:
    for item in items:
        tags: Mapping[str, str] = item.attributes.get("tags", {})
        context = both_prefixes({f"ResourceTag/{key}": value for key, value in tags.items()})
        yield Asked(_READING[item.kind], _arn(uow, state, item), context)


def _arn(uow: UnitOfWork, state: State, item: Item) -> str:
    if item.kind is Kind.RESOURCE_POLICY:
        return item.name
    if item.kind is Kind.ACTION_CATALOGUE:
        return uow.arn_of("iam", state.account, str(item))
    if item.kind is Kind.GUARDRAIL:
        kind, _, name = item.name.partition("/")
        return uow.arn_of("organizations", MAIN_ACCOUNT, guardrail_resource(kind, name))
    return state.arn(item)
