"""Finding what a principal or a group holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from iam.features.attachments.rules import HolderKind
from iam.features.groups.queries import find_group
from iam.features.principals.queries import MODELS, find_principal
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Group, InlinePolicy, Policy, PolicyAttachment, Principal
from iam.work import UnitOfWork

Holder = Principal | Group


@dataclass(frozen=True, slots=True)
class Attached:
    """A policy that somebody holds, and since when."""

    id: str
    policy: Policy
    attached_at: datetime


async def find_holder(uow: UnitOfWork, kind: HolderKind, reference: str) -> Holder | None:
    """The principal or group of the caller's account with this id or name."""
    if kind is HolderKind.GROUP:
        return await find_group(uow, reference)
    return await find_principal(uow, MODELS[kind], reference)


async def lock_holder(uow: UnitOfWork, holder: Holder) -> bool:
    """Make those who count what a holder has wait for one another; `False` if it is gone.

    On SQLite the single writer does the same by nature.
    """
    model = Group if isinstance(holder, Group) else Principal
    # Not the strongest lock: rows that only refer to the holder may still be written.
    query = select(model.id).where(model.id == holder.id).with_for_update(key_share=True)
    return await uow.scalar(query) is not None


async def find_attachment(
    uow: UnitOfWork, holder: Holder, policy: Policy
) -> PolicyAttachment | None:
    """The attachment of this policy to this holder."""
    query = select(PolicyAttachment).where(
        _held_by(PolicyAttachment, holder), PolicyAttachment.policy_id == policy.id
    )
    found: PolicyAttachment | None = await uow.scalar(query)
    return found


async def count_attachments(uow: UnitOfWork, holder: Holder) -> int:
    """How many managed policies are attached to a holder."""
    query = select(func.count()).where(_held_by(PolicyAttachment, holder))
    found: int = await uow.scalar(query)
    return found


async def list_attached(
    uow: UnitOfWork, holder: Holder, *, limit: int, cursor: str | None
) -> Page[Attached]:
    """One page of the managed policies that are attached to a holder, in order of attachment."""
    scope = framed("attached-policies", holder.account, holder.id)
    query = (
        select(PolicyAttachment.id, PolicyAttachment.created_at, Policy)
        .join(Policy, Policy.id == PolicyAttachment.policy_id)
        .where(_held_by(PolicyAttachment, holder))
        .order_by(PolicyAttachment.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(PolicyAttachment.id > last)
    rows = [Attached(row.id, row.Policy, row.created_at) for row in await uow.execute(query)]
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def all_inline(uow: UnitOfWork, holder: Holder) -> Sequence[InlinePolicy]:
    """Every inline policy of a holder, by name; their total size keeps them few."""
    query = select(InlinePolicy).where(_held_by(InlinePolicy, holder))
    return (await uow.scalars(query.order_by(InlinePolicy.name))).all()


async def find_inline(uow: UnitOfWork, holder: Holder, name: str) -> InlinePolicy | None:
    """The inline policy of this name; case counts, as in AWS."""
    query = select(InlinePolicy).where(_held_by(InlinePolicy, holder), InlinePolicy.name == name)
    found: InlinePolicy | None = await uow.scalar(query)
    return found


def _held_by(model: type[PolicyAttachment | InlinePolicy], holder: Holder) -> ColumnElement[bool]:
    column = model.group_id if isinstance(holder, Group) else model.principal_id
    return column == holder.id
