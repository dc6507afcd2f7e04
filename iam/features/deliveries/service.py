"""Use cases of deliveries: queue, take, mark, bury, replay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import insert, select, update

from iam.features.deliveries import queries
from iam.features.deliveries.queries import Due
from iam.features.deliveries.rules import (
    FAILING_FOR,
    GONE,
    Outcome,
    next_attempt,
    pause,
    subject_key,
)
from iam.journal import outbox
from iam.journal.outbox import Waiting
from iam.kit.ids import IdKind, new_id
from iam.kit.metrics import Family, gauge
from iam.models import Delivery, DeliveryChannel, DeliveryState
from iam.work import UnitOfWork

FANNED_OUT_AT_ONCE: Final = 100
SENT_AT_ONCE: Final = 100
BURIED_AT_ONCE: Final = 1_000
REPLAYED_AT_ONCE: Final = 1_000
HELD_UP: Final = timedelta(seconds=2)
"""When to look again at a channel in which all that is due is held up."""
DELETED: Final = "endpoint_deleted"
FROM_BEFORE: Final = timedelta(minutes=1)
"""A channel gets what happened this much before it was made: clocks of replicas differ."""
_SILENT: Final = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A channel that wants events.

    Attributes:
        channel_id: Its id.
        account: Whose events it gets; never another's (WH-11).
        since: When it was made.
        wants: Whether it wants this event; looks at type and subject.
    """

    channel_id: str
    account: str
    since: datetime
    wants: Callable[[Waiting], bool]


class Trip(Protocol):
    """What attempts deliveries, once no transaction is open."""

    async def send(self, due: Due) -> Outcome:
        """Attempt one delivery. Raises nothing that a receiver could bring about."""

    async def aclose(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Barred:
    """Why nothing of a channel is to be sent; what is queued dies for this reason."""

    reason: str


class Carrier(Protocol):
    """What one kind of channel needs to be served."""

    @property
    def kind(self) -> str:
        """The kind of channel."""

    async def subscribers(self, uow: UnitOfWork) -> Sequence[Subscriber]:
        """The channels of this kind that want events."""

    async def prepare(self, uow: UnitOfWork, channel_id: str, due: Sequence[Due]) -> Trip | Barred:
        """Read what these deliveries need, and whether they may be sent at all."""

    async def give_up(self, uow: UnitOfWork, channel_id: str, reason: str) -> None:
        """Close a channel in which nothing gets through."""


Carriers = Mapping[str, Carrier]
"""The carriers by their kind."""


@dataclass(frozen=True, slots=True)
class Round:
    """What to attempt next."""

    due: Sequence[Due]
    trip: Trip | None = None


Attempt = tuple[Due, Outcome]


def open_channel(uow: UnitOfWork, channel_id: str, *, account: str, kind: str) -> None:
    """Make a queue."""
    uow.add(DeliveryChannel(id=channel_id, account=account, kind=kind))


async def close_channel(uow: UnitOfWork, channel_id: str, *, reason: str) -> None:
    """Send nothing more; the pump buries what is queued, and what still comes."""
    await _set_channel(uow, channel_id, closed_reason=reason)


async def reopen_channel(uow: UnitOfWork, channel_id: str) -> None:
    """Send again what comes from now on. What died stays dead until it is replayed."""
    await _set_channel(
        uow, channel_id, closed_reason=None, failures=0, failing_since=None, retry_at=None
    )


async def measure(uow: UnitOfWork) -> list[Family]:
    """What waits to be sent, over all accounts, for the metrics."""
    now = uow.now
    since = await outbox.waiting_since(uow)
    backlog = await queries.read_backlog(uow)
    return [
        gauge("iam_outbox_waiting", "Events that wait to be queued for their receivers.",
              await outbox.count_waiting(uow)),
        gauge("iam_outbox_lag_seconds", "Age of the oldest event that waits for that.",
              _age(since, now)),
        gauge("iam_deliveries_pending", "Deliveries that are queued.", backlog.pending),
        gauge("iam_deliveries_lag_seconds", "Age of the oldest delivery that is queued.",
              _age(backlog.oldest, now)),
        gauge("iam_deliveries_dead", "Deliveries that died, and were not replayed.", backlog.dead),
    ]  # fmt: skip


def _age(since: datetime | None, now: datetime) -> float:
    # Clocks of replicas differ: an event may be a moment ahead.
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


async def fan_out(uow: UnitOfWork, carriers: Carriers) -> int:
    """Make deliveries of the next events; returns how many events there were."""
    waiting = await outbox.take_waiting(uow, limit=FANNED_OUT_AT_ONCE, now=uow.now)
    if not waiting:
        return 0
    subscribers = [
        subscriber for carrier in carriers.values() for subscriber in await carrier.subscribers(uow)
    ]
    # In the same order in every process, so that no two wait for each other.
    for subscriber in sorted(subscribers, key=lambda each: each.channel_id):
        wanted = [event for event in waiting if _is_for(event, subscriber)]
        if wanted:
            await _queue(uow, subscriber.channel_id, wanted)
    return len(waiting)


async def enqueue(uow: UnitOfWork, channel_id: str, message: Waiting) -> None:
    """Queue what is no event, such as a mail."""
    await _queue(uow, channel_id, [message])


async def next_round(uow: UnitOfWork, carrier: Carrier, channel_id: str) -> Round | None:
    """What to attempt next in a channel; buries what must not be sent. `None` when all is done."""
    channel = await uow.get(DeliveryChannel, channel_id)
    if channel is None:
        return None
    if channel.closed_reason is not None:
        return await _buried(uow, channel_id, channel.closed_reason)
    if channel.retry_at is not None and channel.retry_at > uow.now:
        return None
    limit = 1 if channel.failures else SENT_AT_ONCE
    due = await queries.take_due(uow, channel_id, limit=limit)
    if not due:
        if await queries.is_due(uow, channel_id):  # held up by earlier ones of their subjects
            channel.retry_at = uow.now + HELD_UP
        return None
    trip = await carrier.prepare(uow, channel_id, due)
    if isinstance(trip, Barred):
        return await _buried(uow, channel_id, trip.reason)
    return Round(due, trip)


async def record(
    uow: UnitOfWork,
    carrier: Carrier,
    channel_id: str,
    attempts: Sequence[Attempt],
    *,
    chance: Callable[[], float],
) -> None:
    """Write down what came of attempts. `chance` gives random numbers from 0 to 1."""
    if not attempts:
        return
    rows = [_marked(due, outcome, uow.now, chance()) for due, outcome in attempts]
    await uow.execute(update(Delivery), rows)
    channel = await uow.get(DeliveryChannel, channel_id)
    if channel is None:
        return
    outcomes = [outcome for _, outcome in attempts]
    if any(outcome.reason is None for outcome in outcomes):
        channel.failures, channel.failing_since, channel.retry_at = 0, None, None
        channel.delivered_at = uow.now
        return
    failed = [each for each in outcomes if not each.is_final or each.reason == GONE]
    if failed:
        has_died = any(row["state"] == DeliveryState.DEAD for row in rows)
        _count_failure(channel, now=uow.now, chance=chance())
        if _is_hopeless(channel, failed, has_died=has_died, now=uow.now):
            await carrier.give_up(uow, channel.id, str(failed[-1].reason))


async def bury(uow: UnitOfWork, channel_id: str, *, reason: str) -> int:
    """Let some of what is queued in a channel die; returns how many."""
    queued = (
        select(Delivery.id)
        .where(Delivery.channel_id == channel_id, Delivery.state == DeliveryState.PENDING)
        .order_by(Delivery.sequence)
        .limit(BURIED_AT_ONCE)
    )
    dead = {"state": DeliveryState.DEAD, "last_reason": reason, "ended_at": uow.now}
    statement = update(Delivery).where(Delivery.id.in_(queued)).values(dead)
    result = await uow.execute(statement.execution_options(**_SILENT))
    return int(getattr(result, "rowcount", 0))


async def _buried(uow: UnitOfWork, channel_id: str, reason: str) -> Round | None:
    return Round(()) if await bury(uow, channel_id, reason=reason) else None


async def replay(uow: UnitOfWork, channel_id: str, *, delivery_id: str | None = None) -> int:
    """Queue dead deliveries again, under their ids: this one, or the oldest thousand of them."""
    dead = select(Delivery.id).where(
        Delivery.account == uow.caller.account,
        Delivery.channel_id == channel_id,
        Delivery.state == DeliveryState.DEAD,
    )
    if delivery_id is not None:
        dead = dead.where(Delivery.id == delivery_id)
    ids = (await uow.scalars(dead.order_by(Delivery.sequence).limit(REPLAYED_AT_ONCE))).all()
    fresh = {
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "queued_at": uow.now,
        "next_attempt_at": uow.now,
        "ended_at": None,
    }
    statement = update(Delivery).where(Delivery.id.in_(ids)).values(fresh)
    await uow.execute(statement.execution_options(**_SILENT))
    return len(ids)


def _is_for(event: Waiting, subscriber: Subscriber) -> bool:
    is_own = event.account == subscriber.account
    return is_own and event.created_at >= subscriber.since - FROM_BEFORE and subscriber.wants(event)


async def _queue(uow: UnitOfWork, channel_id: str, messages: Sequence[Waiting]) -> None:
    # The number grows under a lock of the channel, so numbers are in the order of commits.
    numbered = (
        update(DeliveryChannel)
        .where(DeliveryChannel.id == channel_id)
        .values(last_sequence=DeliveryChannel.last_sequence + len(messages))
        .returning(DeliveryChannel.last_sequence)
    )
    last = (await uow.execute(numbered.execution_options(**_SILENT))).scalar_one_or_none()
    if last is None:
        return
    first = last - len(messages) + 1
    rows = [_delivery(uow, channel_id, each, first + n) for n, each in enumerate(messages)]
    await uow.execute(insert(Delivery), rows)


def _delivery(uow: UnitOfWork, channel_id: str, message: Waiting, sequence: int) -> dict[str, Any]:
    return {
        "id": new_id(IdKind.DELIVERY, uow.now),
        "account": message.account,
        "channel_id": channel_id,
        "message_id": message.id,
        "type": message.type,
        "subject": message.subject,
        "subject_key": subject_key(message.subject),
        "sequence": sequence,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "queued_at": uow.now,
        "next_attempt_at": uow.now,
    }


def _marked(due: Due, outcome: Outcome, now: datetime, chance: float) -> dict[str, Any]:
    attempts = due.attempts + 1
    marked: dict[str, Any] = {
        "id": due.id,
        "attempts": attempts,
        "last_attempt_at": now,
        "last_status": outcome.status,
        "last_reason": outcome.reason,
        "last_duration_ms": outcome.duration_ms,
    }
    if outcome.reason is None:
        return {**marked, **_ended(DeliveryState.DELIVERED, now)}
    again = next_attempt(attempts=attempts, queued_at=due.queued_at, now=now, chance=chance)
    if again is None or outcome.is_final:
        return {**marked, **_ended(DeliveryState.DEAD, now)}
    pending = {"state": DeliveryState.PENDING, "next_attempt_at": again, "ended_at": None}
    return {**marked, **pending}


def _ended(state: DeliveryState, now: datetime) -> dict[str, Any]:
    # A bulk update sets the same columns in every row.
    return {"state": state, "next_attempt_at": now, "ended_at": now}


def _count_failure(channel: DeliveryChannel, *, now: datetime, chance: float) -> None:
    channel.failures += 1
    channel.failing_since = channel.failing_since or now
    channel.retry_at = pause(failures=channel.failures, now=now, chance=chance)


def _is_hopeless(
    channel: DeliveryChannel, failed: Sequence[Outcome], *, has_died: bool, now: datetime
) -> bool:
    if any(outcome.reason == GONE for outcome in failed):
        return True
    since = channel.failing_since
    return has_died and since is not None and now - since >= FAILING_FOR


async def _set_channel(uow: UnitOfWork, channel_id: str, **values: Any) -> None:
    statement = update(DeliveryChannel).where(DeliveryChannel.id == channel_id).values(values)
    await uow.execute(statement.execution_options(**_SILENT))
