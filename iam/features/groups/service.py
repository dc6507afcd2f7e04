"""Use cases of groups."""

from collections.abc import Mapping

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, not_found
from iam.features.groups import queries
from iam.features.groups.queries import Member
from iam.features.groups.rules import check_member_kind
from iam.features.principals import queries as principals
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME, check_name, check_path
from iam.features.principals.service import VersionCheck, authorized_principal
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import Group, GroupMembership, Principal, Service, User
from iam.work import UnitOfWork


async def create_group(
    uow: UnitOfWork, *, name: str, path: str = "/", description: str = ""
) -> Group:
    """Create a group. Raises `conflict` when the name is taken."""
    check_name(name, maximum=MAX_GROUP_OR_POLICY_NAME)
    check_path(path)
    account = uow.caller.account
    await authorize(uow, Action.CREATE_GROUP, uow.arn_of("iam", account, f"group{path}{name}"))
    group = Group(
        id=new_id(IdKind.GROUP, uow.now),
        account=account,
        name=name,
        path=path,
        description=description,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    taken = conflict("name_taken", f"a group named `{name}` exists already")
    await uow.insert(group, taken=taken)
    uow.emit(EventType.GROUP_CREATED, group)
    return group


async def authorized_group(uow: UnitOfWork, reference: str, action: Action) -> Group:
    """The group with this name or id, if the caller may do this to it.

    Who may not is told so whether or not the group exists. Raises `IamError` of kind `denied` or
    `not_found`.
    """
    row = await queries.find_group(uow, reference)
    named = uow.arn_of("iam", uow.caller.account, f"group/{reference}")
    if row is None:
        await authorize(uow, action, named)
        raise _no_group(reference)
    await authorize(uow, action, uow.arn(row), told_as=named)
    return row


async def get_group(uow: UnitOfWork, *, group: str) -> Group:
    """The group with this name or id."""
    return await authorized_group(uow, group, Action.GET_GROUP)


async def list_groups(
    uow: UnitOfWork, *, limit: int, cursor: str | None = None, path_prefix: str = "/"
) -> Page[Group]:
    """One page of the account's groups, oldest first."""
    resource = uow.arn_of("iam", uow.caller.account, f"group{path_prefix}*")
    await authorize(uow, Action.LIST_GROUPS, resource)
    return await queries.list_groups(uow, limit=limit, cursor=cursor, path_prefix=path_prefix)


async def update_group(
    uow: UnitOfWork, *, group: str, changes: Mapping[str, str], expecting: VersionCheck
) -> Group:
    """Change the description."""
    row = await authorized_group(uow, group, Action.UPDATE_GROUP)
    expecting(row.version)
    row.description = changes.get("description", row.description)
    if uow.session.is_modified(row):
        row.updated_at = uow.now
        uow.emit(EventType.GROUP_UPDATED, row)
        await uow.flush()
    return row


async def delete_group(uow: UnitOfWork, *, group: str, expecting: VersionCheck) -> None:
    """Delete a group.

    Raises `conflict` while it has members or policies, as AWS does, or while it owns a service.
    """
    row = await authorized_group(uow, group, Action.DELETE_GROUP)
    expecting(row.version)
    if not await queries.lock_group(uow, row):
        raise _no_group(group)
    if await queries.has_members_or_policies(uow, row):
        message = f"`{row.name}` still has members or policies; remove them first"
        raise conflict("delete_conflict", message)
    uow.emit(EventType.GROUP_DELETED, row)
    owns = conflict("owner_in_use", f"`{row.name}` still owns a service; hand it over first")
    await uow.delete(row, in_use=owns)


async def list_members(
    uow: UnitOfWork, *, group: str, limit: int, cursor: str | None = None
) -> Page[Member]:
    """One page of a group's members."""
    row = await authorized_group(uow, group, Action.GET_GROUP)
    return await queries.list_members(uow, row, limit=limit, cursor=cursor)


async def list_groups_for_user(
    uow: UnitOfWork, *, user: str, limit: int, cursor: str | None = None
) -> Page[Group]:
    """One page of the groups that a user is in."""
    row = await authorized_principal(uow, User, user, Action.LIST_GROUPS_FOR_USER)
    return await queries.list_groups_of(uow, row.id, limit=limit, cursor=cursor)


async def list_groups_for_service(
    uow: UnitOfWork, *, service: str, limit: int, cursor: str | None = None
) -> Page[Group]:
    """One page of the groups that a service is in."""
    row = await authorized_principal(uow, Service, service, Action.LIST_GROUPS_FOR_SERVICE)
    return await queries.list_groups_of(uow, row.id, limit=limit, cursor=cursor)


async def add_member(uow: UnitOfWork, *, group: str, kind: str, principal: str) -> None:
    """Put a user or service into a group; one that is in it already is no error.

    Raises `conflict` when the principal is in as many groups as it may be.
    """
    check_member_kind(kind)
    row = await authorized_group(uow, group, Action.ADD_USER_TO_GROUP)
    member = await _member(uow, kind, principal)
    if not await queries.lock_principal(uow, member):
        raise _no_member(kind, principal)
    if await uow.get(GroupMembership, (row.id, member.id)) is not None:
        return
    await _check_limit(uow, member)
    membership = GroupMembership(
        group_id=row.id, principal_id=member.id, account=row.account, created_at=uow.now
    )
    await uow.insert(membership, taken=_no_group(group))
    uow.emit(EventType.GROUP_MEMBER_ADDED, row, member=_described(uow, member))


async def remove_member(uow: UnitOfWork, *, group: str, kind: str, principal: str) -> None:
    """Take a user or service out of a group. Raises `not_found` when it is not in it."""
    check_member_kind(kind)
    row = await authorized_group(uow, group, Action.REMOVE_USER_FROM_GROUP)
    member = await _member(uow, kind, principal)
    membership = await queries.lock_membership(uow, row, member)
    if membership is None:
        raise not_found("not_a_member", f"`{member.name}` is not in `{row.name}`")
    uow.emit(EventType.GROUP_MEMBER_REMOVED, row, member=_described(uow, member))
    await uow.delete(membership)


async def _member(uow: UnitOfWork, kind: str, reference: str) -> Principal:
    row = await principals.find_principal(uow, principals.MODELS[kind], reference)
    if row is None:
        raise _no_member(kind, reference)
    return row


async def _check_limit(uow: UnitOfWork, member: Principal) -> None:
    most = uow.settings.limits.groups_per_principal
    if await queries.count_groups_of(uow, member.id) >= most:
        message = f"`{member.name}` is in {most} groups already, which is the most"
        raise conflict("limit_exceeded", message)


def _described(uow: UnitOfWork, member: Principal) -> dict[str, str]:
    return {"id": member.id, "arn": uow.arn(member)}


def _no_group(reference: str) -> IamError:
    return not_found("not_found", f"there is no group `{reference[:128]}`")


def _no_member(kind: str, reference: str) -> IamError:
    return not_found("not_found", f"there is no {kind} `{reference[:128]}`")
