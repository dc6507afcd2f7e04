"""Use cases of attached, inline and bounding policies: one implementation for all holders."""

from collections.abc import Mapping
from typing import Any

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, not_found
from iam.features.attachments import queries
from iam.features.attachments.queries import Attached, Holder
from iam.features.attachments.rules import HolderKind, action_on
from iam.features.catalogues.service import examine
from iam.features.policies import queries as policy_queries
from iam.features.policies.rules import checked_document, counted_size
from iam.features.policies.service import no_such_policy, reference_arn
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME, check_name
from iam.features.principals.service import VersionCheck, target_context
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import Group, InlinePolicy, Policy, PolicyAttachment, Principal
from iam.work import UnitOfWork
from iam_policy.lint import Finding


async def attach_policy(uow: UnitOfWork, kind: HolderKind, *, holder: str, policy: str) -> Attached:
    """Attach a managed policy; attaching it again changes nothing.

    Raises `conflict` when the holder has as many as the settings allow.
    """
    row, found = await _authorized_pair(uow, kind, holder, policy, verb="Attach")
    await _lock(uow, kind, row)
    present = await queries.find_attachment(uow, row, found)
    if present is None:
        await _check_number(uow, row)
        present = PolicyAttachment(
            id=new_id(IdKind.POLICY, uow.now),
            account=row.account,
            policy_id=found.id,
            **_holder_column(row),
            created_at=uow.now,
        )
        await uow.insert(present, taken=conflict("changed_meanwhile", "the policy is gone"))
        _emit(uow, kind, row, "policy_attached", found)
    return Attached(present.id, found, present.created_at)


async def detach_policy(uow: UnitOfWork, kind: HolderKind, *, holder: str, policy: str) -> None:
    """Detach a managed policy. Raises `not_found` when it is not attached."""
    row, found = await _authorized_pair(uow, kind, holder, policy, verb="Detach")
    await _lock(uow, kind, row)
    present = await queries.find_attachment(uow, row, found)
    if present is None:
        raise not_found("not_found", f"policy `{found.name}` is not attached to `{row.name}`")
    _emit(uow, kind, row, "policy_detached", found)
    await uow.delete(present)


async def list_attached(
    uow: UnitOfWork, kind: HolderKind, *, holder: str, limit: int, cursor: str | None = None
) -> Page[Attached]:
    """One page of the managed policies that are attached, in order of attachment."""
    action = action_on("ListAttached", kind, "Policies")
    row = await _authorized_holder(uow, kind, holder, action)
    return await queries.list_attached(uow, row, limit=limit, cursor=cursor)


async def put_inline_policy(
    uow: UnitOfWork,
    kind: HolderKind,
    *,
    holder: str,
    name: str,
    document: Mapping[str, Any],
    expecting: VersionCheck,
) -> tuple[InlinePolicy, tuple[Finding, ...]]:
    """Write an inline policy, new or in place of the one of this name; and what lint says of it.

    Raises `invalid` with every defect of the document, and `conflict` when all inline policies of
    the holder together would be larger than its kind may have.
    """
    check_name(name, maximum=MAX_GROUP_OR_POLICY_NAME)
    row = await _authorized_holder(uow, kind, holder, action_on("Put", kind, "Policy"))
    text = checked_document(document, uow.settings.policies.limits())
    await _lock(uow, kind, row)
    others = {found.name: found for found in await queries.all_inline(uow, row)}
    present = others.pop(name, None)
    expecting(None if present is None else present.version)
    _check_size(uow, kind, [text, *(other.document for other in others.values())])
    if present is None:
        present = _inline(uow, row, name, text)
        uow.add(present)
        uow.emit(_event(kind, "inline_policy_put"), row, policy=name)
    elif present.document != text:
        present.document = text
        present.updated_at = uow.now
        uow.emit(_event(kind, "inline_policy_put"), row, policy=name)
    await uow.flush()
    return present, await examine(uow, text)


async def get_inline_policy(
    uow: UnitOfWork, kind: HolderKind, *, holder: str, name: str
) -> InlinePolicy:
    """The inline policy of this name. Raises `not_found`."""
    row = await _authorized_holder(uow, kind, holder, action_on("Get", kind, "Policy"))
    return await _inline_of(uow, row, name)


async def list_inline_policies(
    uow: UnitOfWork, kind: HolderKind, *, holder: str
) -> list[InlinePolicy]:
    """Every inline policy, by name."""
    row = await _authorized_holder(uow, kind, holder, action_on("List", kind, "Policies"))
    return list(await queries.all_inline(uow, row))


async def delete_inline_policy(
    uow: UnitOfWork, kind: HolderKind, *, holder: str, name: str, expecting: VersionCheck
) -> None:
    """Delete an inline policy. Raises `not_found`."""
    row = await _authorized_holder(uow, kind, holder, action_on("Delete", kind, "Policy"))
    await _lock(uow, kind, row)
    found = await _inline_of(uow, row, name)
    expecting(found.version)
    uow.emit(_event(kind, "inline_policy_deleted"), row, policy=name)
    await uow.delete(found)


async def put_boundary(
    uow: UnitOfWork, kind: HolderKind, *, holder: str, policy: str, expecting: VersionCheck
) -> tuple[Principal, Policy]:
    """Limit a principal to what a managed policy allows, whatever else it holds.

    The condition key `iam:PermissionsBoundary` is the ARN of that policy.
    """
    found = await policy_queries.find_policy(uow, policy)
    context = {"iam:PermissionsBoundary": reference_arn(uow, found, policy)}
    action = action_on("Put", kind, "PermissionsBoundary")
    row = await _authorized_principal(uow, kind, holder, action, context=context)
    if found is None:
        raise no_such_policy(policy)
    expecting(row.version)
    await _set_boundary(uow, kind, row, found)
    return row, found


async def delete_boundary(
    uow: UnitOfWork, kind: HolderKind, *, holder: str, expecting: VersionCheck
) -> None:
    """Lift the limit. Raises `not_found` when there is none.

    The condition key `iam:PermissionsBoundary` is the ARN of the present boundary.
    """
    action = action_on("Delete", kind, "PermissionsBoundary")
    row = await _authorized_principal(uow, kind, holder, action)
    if row.boundary_policy_id is None:
        raise not_found("not_found", f"`{row.name}` has no permissions boundary")
    expecting(row.version)
    await _set_boundary(uow, kind, row, None)


async def _authorized_pair(
    uow: UnitOfWork, kind: HolderKind, holder: str, policy: str, *, verb: str
) -> tuple[Holder, Policy]:
    """Holder and policy, if the caller may do this to the one with the other (PE-02).

    The same action is asked for on both: who may change a holder cannot give it every policy, and
    who may hand out a policy cannot give it to everybody.
    """
    action = action_on(verb, kind, "Policy")
    found = await policy_queries.find_policy(uow, policy)
    arn = reference_arn(uow, found, policy)
    context = {"iam:PolicyARN": arn}
    row = await _authorized_holder(uow, kind, holder, action, context=context)
    keys = {**await _holder_context(uow, row), **context}
    await authorize(uow, action, arn, context=keys)
    if found is None:
        raise no_such_policy(policy)
    return row, found


async def _authorized_holder(
    uow: UnitOfWork,
    kind: HolderKind,
    reference: str,
    action: Action,
    *,
    context: Mapping[str, Any] | None = None,
) -> Holder:
    """The holder, if the caller may do this to it; only who may learns that it does not exist."""
    row = await queries.find_holder(uow, kind, reference)
    named = uow.arn_of("iam", uow.caller.account, f"{kind}/{reference[:128]}")
    if row is None:
        await authorize(uow, action, named, context=context)
        raise _no_such_holder(kind, reference)
    keys = {**await _holder_context(uow, row), **(context or {})}
    await authorize(uow, action, uow.arn(row), context=keys, told_as=named)
    return row


async def _authorized_principal(
    uow: UnitOfWork,
    kind: HolderKind,
    reference: str,
    action: Action,
    *,
    context: Mapping[str, Any] | None = None,
) -> Principal:
    row = await _authorized_holder(uow, kind, reference, action, context=context)
    if isinstance(row, Group):  # no route leads here: a group is no principal to limit
        raise TypeError("a group has no permissions boundary")
    return row


async def _holder_context(uow: UnitOfWork, row: Holder) -> dict[str, Any]:
    return {} if isinstance(row, Group) else await target_context(uow, row)


def _no_such_holder(kind: HolderKind, reference: str) -> IamError:
    return not_found("not_found", f"there is no {kind} `{reference[:128]}`")


async def _lock(uow: UnitOfWork, kind: HolderKind, row: Holder) -> None:
    if not await queries.lock_holder(uow, row):
        raise _no_such_holder(kind, row.name)


async def _check_number(uow: UnitOfWork, row: Holder) -> None:
    most = uow.settings.limits.policies_per_principal
    if await queries.count_attachments(uow, row) >= most:
        message = f"`{row.name}` has {most} attached policies already; detach one first"
        raise conflict("limit_exceeded", message)


def _check_size(uow: UnitOfWork, kind: HolderKind, documents: list[str]) -> None:
    most = uow.settings.policies.inline_characters(kind)
    if (found := sum(map(counted_size, documents))) > most:
        message = f"expected at most {most} characters of inline policies together, found {found}"
        raise conflict("limit_exceeded", message)


def _inline(uow: UnitOfWork, row: Holder, name: str, text: str) -> InlinePolicy:
    return InlinePolicy(
        id=new_id(IdKind.POLICY, uow.now),
        account=row.account,
        name=name,
        document=text,
        **_holder_column(row),
        created_at=uow.now,
        updated_at=uow.now,
    )


async def _inline_of(uow: UnitOfWork, row: Holder, name: str) -> InlinePolicy:
    found = await queries.find_inline(uow, row, name)
    if found is None:
        raise not_found("not_found", f"`{row.name}` has no inline policy `{name[:128]}`")
    return found


def _holder_column(row: Holder) -> dict[str, str]:
    return {"group_id" if isinstance(row, Group) else "principal_id": row.id}


async def _set_boundary(
    uow: UnitOfWork, kind: HolderKind, row: Principal, policy: Policy | None
) -> None:
    await _lock(uow, kind, row)
    wanted = None if policy is None else policy.id
    if row.boundary_policy_id == wanted:
        return
    row.boundary_policy_id = wanted
    row.updated_at = uow.now
    if policy is None:
        uow.emit(_event(kind, "permissions_boundary_deleted"), row)
    else:
        _emit(uow, kind, row, "permissions_boundary_put", policy)
    await uow.flush(conflicting=conflict("changed_meanwhile", "the policy is gone"))


def _emit(uow: UnitOfWork, kind: HolderKind, row: Holder, verb: str, policy: Policy) -> None:
    uow.emit(_event(kind, verb), row, policy=uow.arn(policy), policy_id=policy.id)


def _event(kind: HolderKind, verb: str) -> EventType:
    return EventType(f"iam.{kind}.{verb}.v1")
