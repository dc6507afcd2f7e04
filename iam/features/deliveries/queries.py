"""Reading channels and deliveries. The pump reads those of every account, the API its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Delivery, DeliveryChannel, DeliveryState
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery to attempt now."""

    id: str
    message_id: str
    type: str
    subject: str
    subject_key: str
    sequence: int
    attempts: int
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class DueChannel:
    """A channel in which something is to be done."""

    id: str
    kind: str
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is on its way, over all accounts, and since when the oldest of it waits."""

    pending: int
    dead: int
    oldest: datetime | None


_IS_PENDING = Delivery.state == DeliveryState.PENDING


async def due_channels(uow: UnitOfWork, *, limit: int) -> list[DueChannel]:
    """Channels with something to send or to bury; those that work come first."""
    is_queued = exists().where(Delivery.channel_id == DeliveryChannel.id, _IS_PENDING)
    is_due = is_queued.where(Delivery.next_attempt_at <= uow.now)
    may_send = or_(DeliveryChannel.retry_at.is_(None), DeliveryChannel.retry_at <= uow.now)
    is_closed = DeliveryChannel.closed_reason.is_not(None)
    query = (
        select(DeliveryChannel.id, DeliveryChannel.kind, DeliveryChannel.failures)
        .where(or_(and_(may_send, is_due), and_(is_closed, is_queued)))
        .order_by(DeliveryChannel.failures, DeliveryChannel.id)
        .limit(limit)
    )
    return [
        DueChannel(row.id, row.kind, is_failing=row.failures > 0)
        for row in await uow.execute(query)
    ]


async def take_due(uow: UnitOfWork, channel_id: str, *, limit: int) -> list[Due]:
    """The next deliveries of a channel, oldest first.

    Of a subject whose last attempt was in vain and waits for its next, there are none.
    """
    waiting = aliased(Delivery)
    is_held_up = exists().where(
        waiting.channel_id == channel_id,
        waiting.subject_key == Delivery.subject_key,
        waiting.state == DeliveryState.PENDING,
        waiting.next_attempt_at > uow.now,
    )
    query = (
        select(
            Delivery.id,
            Delivery.message_id,
            Delivery.type,
            Delivery.subject,
            Delivery.subject_key,
            Delivery.sequence,
            Delivery.attempts,
            Delivery.queued_at,
        )
        .where(
            Delivery.channel_id == channel_id,
            _IS_PENDING,
            Delivery.next_attempt_at <= uow.now,
            ~is_held_up,
        )
        .order_by(Delivery.sequence)
        .limit(limit)
    )
    return [Due(*tuple(row)) for row in await uow.execute(query)]


async def is_due(uow: UnitOfWork, channel_id: str) -> bool:
    """Whether the time of any delivery has come, held up or not."""
    query = select(Delivery.id).where(
        Delivery.channel_id == channel_id, _IS_PENDING, Delivery.next_attempt_at <= uow.now
    )
    return await uow.scalar(query.limit(1)) is not None


async def list_deliveries(
    uow: UnitOfWork, channel_id: str, *, state: str | None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """One page of a channel's deliveries, newest first."""
    scope = framed("deliveries", uow.caller.account, channel_id, state or "")
    query = select(Delivery).where(
        Delivery.account == uow.caller.account, Delivery.channel_id == channel_id
    )
    if state is not None:
        query = query.where(Delivery.state == state)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Delivery.id < last)
    rows = (await uow.scalars(query.order_by(Delivery.id.desc()).limit(limit + 1))).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def channels_by_id(uow: UnitOfWork, ids: Sequence[str]) -> dict[str, DeliveryChannel]:
    """The channels with these ids."""
    rows = await uow.scalars(select(DeliveryChannel).where(DeliveryChannel.id.in_(ids)))
    return {row.id: row for row in rows}


async def read_backlog(uow: UnitOfWork) -> Backlog:
    """What is on its way and what died, over all accounts."""
    pending = func.count().filter(_IS_PENDING)
    dead = func.count().filter(Delivery.state == DeliveryState.DEAD)
    oldest = func.min(Delivery.queued_at).filter(_IS_PENDING)
    row = (await uow.execute(select(pending, dead, oldest))).one()
    return Backlog(*tuple(row))
