"""Use cases that users, services and roles share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from iam.authz.actions import Action
from iam.authz.administrators import is_administrator
from iam.authz.authorize import authorize
from iam.authz.context import both_prefixes
from iam.errors import IamError, conflict, not_found
from iam.features.principals import queries
from iam.features.principals.rules import (
    check_name,
    check_path,
    check_tags,
    merged_tags,
    remaining_tags,
)
from iam.journal.events import EventType
from iam.kit.pages import Page
from iam.models import Policy, Principal, PrincipalKind, PrincipalStatus
from iam.work import UnitOfWork

Kind = TypeVar("Kind", bound=Principal)
VersionCheck = Callable[[int | None], None]
"""Raises unless the caller has seen this version; `None` is that of what does not exist yet.

`RequestWork.expect_version`, or `heed_version` where a change may be made unseen.
"""


def kind_of(model: type[Principal]) -> PrincipalKind:
    """The kind that a model class stands for."""
    return PrincipalKind(model.__mapper_args__["polymorphic_identity"])


def action_for(verb: str, kind: PrincipalKind, rest: str = "") -> Action:
    """The action of this verb on this kind: `Disable` + `service` is `iam:DisableService`."""
    return Action(f"iam:{verb}{kind.capitalize()}{rest}")


def event_for(kind: PrincipalKind, verb: str) -> EventType:
    """The event of this verb on this kind: `service` + `disabled`."""
    return EventType(f"iam.{kind}.{verb}.v1")


def tag_context(tags: Mapping[str, str]) -> dict[str, Any]:
    """The condition keys of a request that sets tags: `RequestTag/...` and `TagKeys`."""
    values: dict[str, Any] = {f"RequestTag/{key}": value for key, value in tags.items()}
    return both_prefixes({**values, "TagKeys": list(tags)})


def resource_context(row: Principal) -> dict[str, Any]:
    """The condition keys that follow from an existing principal: `ResourceTag/...`."""
    return both_prefixes({f"ResourceTag/{key}": value for key, value in row.tags.items()})


async def target_context(uow: UnitOfWork, row: Principal) -> dict[str, Any]:
    """The condition keys of an operation on an existing principal.

    Those of `resource_context`, `iam:ResourceIsAdministrator` (whether it is in group
    `administrators`: a help desk looks after everybody else), and `iam:PermissionsBoundary`, the
    ARN of its boundary, if it has one.
    """
    keys = resource_context(row)
    keys["iam:ResourceIsAdministrator"] = await is_administrator(uow, row.id)
    if row.boundary_policy_id is not None:
        boundary = await uow.get(Policy, row.boundary_policy_id)
        if boundary is not None:
            keys["iam:PermissionsBoundary"] = uow.arn(boundary)
    return keys


async def authorize_creation(
    uow: UnitOfWork,
    kind: PrincipalKind,
    *,
    name: str,
    path: str,
    tags: Mapping[str, str],
    context: Mapping[str, Any] | None = None,
) -> None:
    """Check that this may be made, and that the caller may make it.

    `context` adds condition keys, such as `iam:PermissionsBoundary` of the boundary it will have.
    """
    check_name(name)
    check_path(path)
    check_tags(tags)
    resource = uow.arn_of("iam", uow.caller.account, f"{kind}{path}{name}")
    keys = {**tag_context(tags), **(context or {})}
    await authorize(uow, action_for("Create", kind), resource, context=keys)
    if tags:
        await authorize(uow, action_for("Tag", kind), resource, context=keys)


def name_taken(kind: PrincipalKind, name: str) -> IamError:
    """The error for a name that is used already; case makes no difference."""
    return conflict("name_taken", f"a {kind} named `{name}` exists already")


async def authorized_principal(
    uow: UnitOfWork,
    model: type[Kind],
    reference: str,
    action: Action,
    *,
    context: Mapping[str, Any] | None = None,
) -> Kind:
    """The principal, if the caller may do this to it.

    Who may not is told so whether or not the principal exists; only who may learns that it does
    not. Raises `IamError` of kind `denied` or `not_found`.
    """
    row = await queries.find_principal(uow, model, reference)
    kind = kind_of(model)
    named = uow.arn_of("iam", uow.caller.account, f"{kind}/{reference}")
    if row is None:
        await authorize(uow, action, named, context=context)
        raise not_found("not_found", f"there is no {kind} `{reference[:128]}`")
    keys = {**await target_context(uow, row), **(context or {})}
    await authorize(uow, action, uow.arn(row), context=keys, told_as=named)
    return row


async def list_authorized(
    uow: UnitOfWork,
    model: type[Kind],
    *,
    limit: int,
    cursor: str | None,
    path_prefix: str,
    status: str | None,
) -> Page[Kind]:
    """One page of the account's principals of one kind, oldest first, if the caller may list them.

    Raises `IamError` of kind `denied`.
    """
    kind = kind_of(model)
    resource = uow.arn_of("iam", uow.caller.account, f"{kind}{path_prefix}*")
    await authorize(uow, action_for("List", kind, "s"), resource)
    return await queries.list_principals(
        uow, model, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )


async def set_status(
    uow: UnitOfWork, model: type[Kind], reference: str, *, status: PrincipalStatus
) -> Kind:
    """Disable or enable. Disabling ends every token that was issued before it, for good."""
    kind = kind_of(model)
    is_disabling = status == PrincipalStatus.DISABLED
    verb = "Disable" if is_disabling else "Enable"
    row = await authorized_principal(uow, model, reference, action_for(verb, kind))
    if row.status != status:
        row.status = status
        row.updated_at = uow.now
        if is_disabling:
            row.principal_epoch += 1
        uow.emit(event_for(kind, "disabled" if is_disabling else "enabled"), row)
        await uow.flush()
    return row


async def tag(
    uow: UnitOfWork,
    model: type[Kind],
    reference: str,
    *,
    tags: Mapping[str, str],
    expecting: VersionCheck,
) -> Kind:
    """Add tags, or give present ones a new value."""
    kind = kind_of(model)
    context = tag_context(tags)
    row = await authorized_principal(
        uow, model, reference, action_for("Tag", kind), context=context
    )
    expecting(row.version)
    return await _set_tags(uow, row, merged_tags(row.tags, tags))


async def untag(
    uow: UnitOfWork,
    model: type[Kind],
    reference: str,
    *,
    keys: Sequence[str],
    expecting: VersionCheck,
) -> Kind:
    """Remove tags; a key that is not there is no error."""
    kind = kind_of(model)
    context = both_prefixes({"TagKeys": list(keys)})
    row = await authorized_principal(
        uow, model, reference, action_for("Untag", kind), context=context
    )
    expecting(row.version)
    return await _set_tags(uow, row, remaining_tags(row.tags, list(keys)))


async def _set_tags(uow: UnitOfWork, row: Kind, tags: dict[str, str]) -> Kind:
    check_tags(tags)
    if tags != row.tags:
        row.tags = tags
        row.updated_at = uow.now
        uow.emit(event_for(PrincipalKind(row.kind), "tagged"), row)
        await uow.flush()
    return row
