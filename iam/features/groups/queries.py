"""Finding groups and who is in them. Every read is bound to one account."""

from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select

from iam.features.principals.rules import Reference, check_path_prefix
from iam.kit.framing import framed
from iam.kit.ids import is_id
from iam.kit.pages import Page
from iam.models import Group, GroupMembership, InlinePolicy, PolicyAttachment, Principal
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a group."""

    id: str
    arn: str
    kind: str
    name: str
    status: str


async def find_group(uow: UnitOfWork, reference: str) -> Group | None:
    """The group with this id or name; names are compared without case."""
    if not reference.isprintable():
        return None  # nothing is called so, and PostgreSQL does not even take a NUL to compare
    matches = Group.id == reference if is_id(reference) else Group.name_key == reference.casefold()
    query = select(Group).where(Group.account == uow.caller.account, matches)
    found: Group | None = await uow.scalar(query)
    return found


async def find_referenced_group(uow: UnitOfWork, reference: Reference) -> Group | None:
    """The group of the caller's account that this names."""
    row = await find_group(uow, reference.key) if reference.kind == "group" else None
    is_elsewhere = row is not None and reference.path not in (None, row.path)
    return None if is_elsewhere else row


async def list_groups(
    uow: UnitOfWork, *, limit: int, cursor: str | None, path_prefix: str
) -> Page[Group]:
    """One page of an account's groups, oldest first."""
    check_path_prefix(path_prefix)
    account = uow.caller.account
    scope = framed("groups", account, path_prefix)
    query = select(Group).where(Group.account == account).order_by(Group.id).limit(limit + 1)
    if path_prefix != "/":
        query = query.where(Group.path.startswith(path_prefix, autoescape=True))
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Group.id > last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def list_members(
    uow: UnitOfWork, group: Group, *, limit: int, cursor: str | None
) -> Page[Member]:
    """One page of a group's members, in the order of their ids."""
    scope = framed("members", group.account, group.id)
    query = (
        select(Principal.id, Principal.kind, Principal.path, Principal.name, Principal.status)
        .join(GroupMembership, GroupMembership.principal_id == Principal.id)
        .where(GroupMembership.group_id == group.id)
        .order_by(GroupMembership.principal_id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(GroupMembership.principal_id > last)
    members = [
        Member(
            id=row.id,
            arn=uow.arn_of("iam", group.account, f"{row.kind}{row.path}{row.name}"),
            kind=row.kind,
            name=row.name,
            status=row.status,
        )
        for row in await uow.execute(query)
    ]
    return Page.cut(members, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def list_groups_of(
    uow: UnitOfWork, principal_id: str, *, limit: int, cursor: str | None
) -> Page[Group]:
    """One page of the groups that a principal is in, oldest first."""
    scope = framed("groups-of", uow.caller.account, principal_id)
    query = _groups_of(principal_id).order_by(GroupMembership.group_id).limit(limit + 1)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(GroupMembership.group_id > last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def all_groups_of(uow: UnitOfWork, principal_id: str) -> list[Group]:
    """Every group that a principal is in, oldest first; there are few."""
    return list(await uow.scalars(_groups_of(principal_id).order_by(Group.id)))


async def count_groups_of(uow: UnitOfWork, principal_id: str) -> int:
    """How many groups a principal is in."""
    query = select(func.count()).where(GroupMembership.principal_id == principal_id)
    found: int = await uow.scalar(query)
    return found


async def lock_group(uow: UnitOfWork, group: Group) -> bool:
    """Keep others from adding to a group until this transaction ends; `False` if it is gone."""
    return (
        await uow.scalar(select(Group.id).where(Group.id == group.id).with_for_update()) is not None
    )


async def lock_principal(uow: UnitOfWork, principal: Principal) -> bool:
    """Make those who count a principal's groups wait for one another; `False` if it is gone."""
    # Not the strongest lock: rows that only refer to the principal may still be written.
    query = select(Principal.id).where(Principal.id == principal.id)
    return await uow.scalar(query.with_for_update(key_share=True)) is not None


async def lock_membership(
    uow: UnitOfWork, group: Group, principal: Principal
) -> GroupMembership | None:
    """This membership, if there is one, kept from others until this transaction ends."""
    query = select(GroupMembership).where(
        GroupMembership.group_id == group.id, GroupMembership.principal_id == principal.id
    )
    found: GroupMembership | None = await uow.scalar(query.with_for_update())
    return found


async def has_members_or_policies(uow: UnitOfWork, group: Group) -> bool:
    """Whether anything hangs on a group that must be removed before it."""
    query = select(
        or_(
            exists().where(GroupMembership.group_id == group.id),
            exists().where(PolicyAttachment.group_id == group.id),
            exists().where(InlinePolicy.group_id == group.id),
        )
    )
    return bool(await uow.scalar(query))


def _groups_of(principal_id: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a Select
    return (
        select(Group)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupMembership.principal_id == principal_id)
    )
