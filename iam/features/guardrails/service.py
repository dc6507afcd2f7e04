"""Use cases of guardrails. All of them are for principals of `main` alone."""

from collections.abc import Mapping
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, denied, not_found
from iam.features.guardrails import queries
from iam.features.guardrails.rules import (
    FULL_ACCESS_DOCUMENT,
    Level,
    checked_guardrail,
    parse_level,
)
from iam.features.principal_elements.rules import stored_text
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME, check_name
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import (
    FULL_ACCESS,
    MAIN_ACCOUNT,
    Guardrail,
    GuardrailAttachment,
    GuardrailKind,
    guardrail_resource,
)
from iam.work import UnitOfWork

_SHIPPED_DESCRIPTION: Final = "Allows everything; what others deny stays denied"


async def put_guardrail(
    uow: UnitOfWork,
    kind: GuardrailKind,
    *,
    name: str,
    document: Mapping[str, Any],
    description: str = "",
    expecting: VersionCheck,
) -> Guardrail:
    """Write a guardrail, new or in place of the one of this name; a new one is not attached yet.

    Takes `organizations:UpdatePolicy`, and `organizations:CreatePolicy` besides for a new one.
    Raises `invalid` with every defect of the document, `conflict` for the shipped one.
    """
    check_name(name, maximum=MAX_GROUP_OR_POLICY_NAME)
    row = await _find_authorized(uow, kind, name, Action.UPDATE_GUARDRAIL)
    if row is None:
        await _authorize(uow, Action.CREATE_GUARDRAIL, guardrail_resource(kind, name))
    text = checked_guardrail(document, kind, uow.settings.policies.limits())
    if row is not None:
        _refuse_shipped(row)
    expecting(None if row is None else row.version)
    if row is None:
        return await _create(uow, kind, name, text, description)
    if (row.document, row.description) != (text, description):
        await uow.hold_all_accounts()
        row.document, row.description = text, description
        row.updated_at = uow.now
        uow.emit(EventType.GUARDRAIL_UPDATED, row)
        await uow.flush()
    return row


async def get_guardrail(uow: UnitOfWork, kind: GuardrailKind, *, name: str) -> Guardrail:
    """The guardrail of this name. Raises `not_found`."""
    return await _authorized(uow, kind, name, Action.DESCRIBE_GUARDRAIL)


async def list_guardrails(
    uow: UnitOfWork,
    *,
    kind: GuardrailKind | None = None,
    limit: int,
    cursor: str | None = None,
) -> Page[Guardrail]:
    """One page of the guardrails, oldest first."""
    await _authorize(uow, Action.LIST_GUARDRAILS, "policy/*")
    return await queries.list_guardrails(uow, kind=kind, limit=limit, cursor=cursor)


async def delete_guardrail(
    uow: UnitOfWork, kind: GuardrailKind, *, name: str, expecting: VersionCheck
) -> None:
    """Delete a guardrail. Raises `conflict` while it is attached, or when it is shipped."""
    row = await _authorized(uow, kind, name, Action.DELETE_GUARDRAIL)
    expecting(row.version)
    _refuse_shipped(row)
    uow.emit(EventType.GUARDRAIL_DELETED, row)
    in_use = conflict("guardrail_in_use", f"`{row.name}` is attached; detach it everywhere first")
    await uow.delete(row, in_use=in_use)


async def attach_guardrail(
    uow: UnitOfWork, kind: GuardrailKind, *, name: str, target: str
) -> GuardrailAttachment:
    """Attach a guardrail to the installation or an account; again changes nothing.

    Raises `conflict` when the level has as many as the settings allow.
    """
    row, level = await _authorized_pair(uow, kind, name, target, Action.ATTACH_GUARDRAIL)
    present = await queries.find_attachment(uow, row, level)
    if present is not None:
        return present
    most = uow.settings.limits.guardrails_per_level
    if await queries.count_attached(uow, kind, level) >= most:
        message = f"`{level}` has {most} guardrails of this kind already; detach one first"
        raise conflict("too_many_guardrails", message)
    uow.emit(EventType.GUARDRAIL_ATTACHED, row, target=_target_arn(uow, level))
    return await _attach(uow, row, level)


async def detach_guardrail(uow: UnitOfWork, kind: GuardrailKind, *, name: str, target: str) -> None:
    """Take a guardrail off a level. Raises `not_found` when it is not attached there.

    A level without any guardrail for principals allows them nothing.
    """
    row, level = await _authorized_pair(uow, kind, name, target, Action.DETACH_GUARDRAIL)
    if row.is_shipped and kind is GuardrailKind.RCP:
        message = f"`{FULL_ACCESS}` is at every level of resources for good"
        raise conflict("guardrail_is_fixed", message)
    present = await queries.find_attachment(uow, row, level)
    if present is None:
        raise not_found("not_found", f"guardrail `{row.name}` is not attached to `{level}`")
    uow.emit(EventType.GUARDRAIL_DETACHED, row, target=_target_arn(uow, level))
    await uow.delete(present)


async def list_targets(
    uow: UnitOfWork, kind: GuardrailKind, *, name: str, limit: int, cursor: str | None = None
) -> Page[GuardrailAttachment]:
    """One page of what a guardrail is attached to, in order of attachment."""
    row = await _authorized(uow, kind, name, Action.LIST_GUARDRAIL_TARGETS)
    return await queries.list_attachments(uow, row, limit=limit, cursor=cursor)


async def ensure_full_access(uow: UnitOfWork) -> None:
    """Make the shipped guardrails where they are missing, attached to all that is there.

    For the start of the installation, which sees all accounts.
    """
    for kind in GuardrailKind:
        if await queries.find_guardrail(uow, kind, FULL_ACCESS) is None:
            text = stored_text(FULL_ACCESS_DOCUMENT[kind])
            row = await _create(uow, kind, FULL_ACCESS, text, _SHIPPED_DESCRIPTION)
            for name in (None, *await queries.account_names(uow)):
                await _attach(uow, row, Level(name))


async def attach_full_access(uow: UnitOfWork, *, account: str) -> None:
    """Attach the shipped guardrails to an account that was just made."""
    level = Level(account)
    for kind in GuardrailKind:
        row = await queries.find_guardrail(uow, kind, FULL_ACCESS)
        if row is not None:  # a database that nobody has started on yet gets them at the start
            uow.emit(EventType.GUARDRAIL_ATTACHED, row, target=_target_arn(uow, level))
            await _attach(uow, row, level)


async def _create(
    uow: UnitOfWork, kind: GuardrailKind, name: str, text: str, description: str
) -> Guardrail:
    row = Guardrail(
        id=new_id(IdKind.GUARDRAIL, uow.now),
        kind=kind,
        name=name,
        description=description,
        document=text,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    taken = conflict("name_taken", f"a guardrail named `{name}` exists already")
    await uow.insert(row, taken=taken)
    uow.emit(EventType.GUARDRAIL_CREATED, row)
    return row


async def _attach(uow: UnitOfWork, row: Guardrail, level: Level) -> GuardrailAttachment:
    attachment = GuardrailAttachment(
        id=new_id(IdKind.GUARDRAIL, uow.now),
        guardrail_id=row.id,
        level=str(level),
        account_name=level.account,
        created_at=uow.now,
    )
    await uow.insert(attachment, taken=conflict("changed_meanwhile", "it was attached meanwhile"))
    return attachment


async def _authorized_pair(
    uow: UnitOfWork, kind: GuardrailKind, name: str, target: str, action: Action
) -> tuple[Guardrail, Level]:
    """Guardrail and level, if the caller may do this to the one with the other."""
    level = parse_level(target)
    resource = guardrail_resource(kind, name[:MAX_GROUP_OR_POLICY_NAME])
    context = {"iam:PolicyARN": uow.arn_of("organizations", MAIN_ACCOUNT, resource)}
    row = await _find_authorized(uow, kind, name, action, context=context)
    await authorize(uow, action, _target_arn(uow, level), context=context)
    if row is None:
        raise _no_guardrail(kind, name)
    # What is under way anywhere ends first, or begins under what holds after this (PE-32).
    await uow.hold_all_accounts()
    if level.account is not None:
        await uow.see_all_accounts()
        if not await queries.account_exists(uow, level.account):
            raise not_found("not_found", f"there is no account `{level.account[:128]}`")
    return row, level


async def _authorized(uow: UnitOfWork, kind: GuardrailKind, name: str, action: Action) -> Guardrail:
    row = await _find_authorized(uow, kind, name, action)
    if row is None:
        raise _no_guardrail(kind, name)
    return row


async def _find_authorized(
    uow: UnitOfWork,
    kind: GuardrailKind,
    name: str,
    action: Action,
    *,
    context: Mapping[str, Any] | None = None,
) -> Guardrail | None:
    """The guardrail, if there is one, for who may do this; nobody else learns whether there is."""
    row = await queries.find_guardrail(uow, kind, name)
    resource = guardrail_resource(kind, name[:MAX_GROUP_OR_POLICY_NAME])
    told = uow.arn_of("organizations", MAIN_ACCOUNT, resource)
    await _authorize(
        uow, action, row.arn_resource if row else resource, context=context, told_as=told
    )
    return row


async def _authorize(
    uow: UnitOfWork,
    action: Action,
    resource: str,
    *,
    context: Mapping[str, Any] | None = None,
    told_as: str | None = None,
) -> None:
    arn = uow.arn_of("organizations", MAIN_ACCOUNT, resource)
    await authorize(uow, action, arn, context=context, told_as=told_as)
    if uow.caller.account != MAIN_ACCOUNT:
        # The engine refuses this already; accounts must not hang on one thread.
        message = "only principals of `main` look after guardrails"
        raise denied("access_denied", message, decision_id=uow.decision_id)


def _target_arn(uow: UnitOfWork, level: Level) -> str:
    service, resource = level.arn_parts
    return uow.arn_of(service, MAIN_ACCOUNT, resource)


def _refuse_shipped(row: Guardrail) -> None:
    if row.is_shipped:
        message = f"`{row.name}` comes with the software; nobody can change it"
        raise conflict("guardrail_is_shipped", message)


def _no_guardrail(kind: GuardrailKind, name: str) -> IamError:
    return not_found("not_found", f"there is no guardrail `{kind}/{name[:128]}`")
