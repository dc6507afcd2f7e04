"""Changing what is there, and adding to what was made, one attribute after the other.

Each change is a coroutine that is yet to be awaited, and a step of the unit of work by itself: two
changes of one thing are two events.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final

from iam.features.attachments import service as attachments
from iam.features.attachments.rules import HolderKind
from iam.features.configuration.rules.planning import Change, Step, Verb, differing_documents
from iam.features.configuration.rules.shapes import HOLDERS, Item, Kind
from iam.features.configuration.service.making import (
    LATER,
    guardrail_of,
    put_item_catalogue,
    put_item_guardrail,
    put_item_policy,
    whatever,
)
from iam.features.groups import service as groups
from iam.features.guardrails.service import attach_guardrail, detach_guardrail
from iam.features.policies import service as policies
from iam.features.policies.rules import version_id
from iam.features.principals import service as principals
from iam.features.principals.queries import MODELS
from iam.features.roles import service as roles
from iam.features.services import service as services
from iam.features.users import service as users
from iam.work import UnitOfWork

Work = Coroutine[Any, Any, Any]

_PLAIN: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.POLICY: frozenset({"description"}),
    Kind.GROUP: frozenset({"description"}),
    Kind.USER: frozenset({"description", "display_name", "email"}),
    Kind.SERVICE: frozenset({"description", "owner", "audiences"}),
    Kind.ROLE: frozenset({"description", "max_session_seconds"}),
}
"""Attributes that one update changes together."""


def describe(uow: UnitOfWork, step: Step, partition: str) -> Iterator[Work]:
    """The changes that a step makes; of what was just made, those that come later."""
    item = step.item
    changes = [one for one in step.changes if step.verb is Verb.UPDATE or one.attribute in LATER]
    plain = {one.attribute: one.after for one in changes}
    update = {name: value for name, value in plain.items() if name in _PLAIN.get(item.kind, ())}
    if update:
        yield _update(uow, item, update)
    if item.kind in _WHOLE and step.verb is Verb.UPDATE and plain.keys() - LATER:
        yield _WHOLE[item.kind](uow, item)
        changes = [one for one in changes if one.attribute in LATER]
    for change in changes:
        if change.attribute == "inline_policies":
            yield from _inline(uow, item, change, partition)
        elif change.attribute in _ATTRIBUTES:
            yield from _ATTRIBUTES[change.attribute](uow, item, change)


_WHOLE: Final[Mapping[Kind, Callable[[UnitOfWork, Item], Work]]] = {
    Kind.ACTION_CATALOGUE: put_item_catalogue,
    Kind.RESOURCE_POLICY: put_item_policy,
    Kind.GUARDRAIL: put_item_guardrail,
}
"""What is written as a whole."""


async def _update(uow: UnitOfWork, item: Item, changes: dict[str, Any]) -> None:
    match item.kind:
        case Kind.POLICY:
            await policies.update_policy(uow, policy=item.name, changes=changes, expecting=whatever)
        case Kind.GROUP:
            await groups.update_group(uow, group=item.name, changes=changes, expecting=whatever)
        case Kind.USER:
            await users.update_user(uow, user=item.name, changes=changes, expecting=whatever)
        case Kind.SERVICE:
            await services.update_service(
                uow, service=item.name, changes=changes, expecting=whatever
            )
        case Kind.ROLE:
            await roles.update_role(uow, role=item.name, changes=changes, expecting=whatever)


def _policies(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    """What is detached makes room for what is attached."""
    kind, name = HolderKind(item.kind), item.name
    for policy in _missing(change.before, change.after):
        yield attachments.detach_policy(uow, kind, holder=name, policy=policy)
    for policy in _missing(change.after, change.before):
        yield attachments.attach_policy(uow, kind, holder=name, policy=policy)


def _inline(uow: UnitOfWork, item: Item, change: Change, partition: str) -> Iterator[Work]:
    kind = HolderKind(item.kind)
    for name in _missing(change.before, change.after):
        yield attachments.delete_inline_policy(
            uow, kind, holder=item.name, name=name, expecting=whatever
        )
    for name in differing_documents(change, partition):
        document = change.after[name]
        yield attachments.put_inline_policy(
            uow, kind, holder=item.name, name=name, document=document, expecting=whatever
        )


def _boundary(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    kind, name = HolderKind(item.kind), item.name
    if change.after is None:
        yield attachments.delete_boundary(uow, kind, holder=name, expecting=whatever)
    else:
        yield attachments.put_boundary(
            uow, kind, holder=name, policy=change.after, expecting=whatever
        )


def _members(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    for member in _missing(change.before, change.after):
        kind, _, name = member.partition("/")
        yield groups.remove_member(uow, group=item.name, kind=kind, principal=name)
    for member in _missing(change.after, change.before):
        kind, _, name = member.partition("/")
        yield groups.add_member(uow, group=item.name, kind=kind, principal=name)


def _targets(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    kind, name = guardrail_of(item)
    for target in _missing(change.before, change.after):
        yield detach_guardrail(uow, kind, name=name, target=target)
    for target in _missing(change.after, change.before):
        yield attach_guardrail(uow, kind, name=name, target=target)


def _tags(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    kept = {key.casefold() for key in change.after}
    gone = [key for key in change.before if key.casefold() not in kept]
    added = {key: value for key, value in change.after.items() if change.before.get(key) != value}
    if item.kind is Kind.POLICY:
        if gone:
            yield policies.untag_policy(uow, policy=item.name, keys=gone, expecting=whatever)
        if added:
            yield policies.tag_policy(uow, policy=item.name, tags=added, expecting=whatever)
        return
    model = MODELS[item.kind]
    if gone:
        yield principals.untag(uow, model, item.name, keys=gone, expecting=whatever)
    if added:
        yield principals.tag(uow, model, item.name, tags=added, expecting=whatever)


def _document(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    yield _make_room(uow, item)
    yield policies.create_version(
        uow, policy=item.name, document=change.after, set_as_default=True, expecting=whatever
    )


async def _make_room(uow: UnitOfWork, item: Item) -> None:
    """Delete the oldest version that does not count, if there are as many as there may be."""
    row, versions = await policies.list_versions(uow, policy=item.name)
    if len(versions) >= uow.settings.policies.versions:
        oldest = min(one.number for one in versions if one.number != row.default_version)
        await policies.delete_version(uow, policy=item.name, version=version_id(oldest))


def _trust(uow: UnitOfWork, item: Item, change: Change) -> Iterator[Work]:
    yield roles.update_trust_policy(
        uow, role=item.name, trust_policy=change.after, expecting=whatever
    )


_ATTRIBUTES: Final[Mapping[str, Callable[[UnitOfWork, Item, Change], Iterator[Work]]]] = {
    "policies": _policies,
    "permissions_boundary": _boundary,
    "members": _members,
    "targets": _targets,
    "tags": _tags,
    "document": _document,
    "trust_policy": _trust,
}


def empty(uow: UnitOfWork, item: Item, *, without: frozenset[str]) -> Iterator[Work]:
    """Take from a group or guardrail what keeps it from being deleted, but for those members."""
    for attribute in sorted(LATER & item.attributes.keys()):
        before = item.attributes[attribute]
        if item.kind not in HOLDERS or attribute != "inline_policies":
            left = [one for one in before if one not in without]
            yield from _ATTRIBUTES[attribute](uow, item, Change(attribute, left, []))
        else:
            yield from _inline(uow, item, Change(attribute, before, {}), "")


def _missing(some: Any, others: Any) -> list[str]:
    """What is in the one and not in the other, in order."""
    return [one for one in some or () if one not in (others or ())]
