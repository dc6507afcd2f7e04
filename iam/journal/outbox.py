"""The outbox as the pump reads it: what waits to be fanned out, and what is to be delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Executable, Result, delete, func, select, update

from iam.models import OutboxMessage


class Executor(Protocol):
    """A unit of work, or what else runs a statement in a transaction."""

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        """Run the statement."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is not fanned out yet."""

    id: str
    account: str
    type: str
    subject: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """An event as receivers get it; `data` has `actor`, `before`, `after` and `detail`."""

    id: str
    account: str
    type: str
    subject: str
    created_at: datetime
    data: dict[str, Any]


async def is_waiting(executor: Executor) -> bool:
    """Whether there is anything to fan out."""
    query = select(OutboxMessage.id).where(OutboxMessage.fanned_out_at.is_(None)).limit(1)
    return (await executor.execute(query)).first() is not None


async def take_waiting(executor: Executor, *, limit: int, now: datetime) -> list[Waiting]:
    """The events that wait, marked as fanned out, in the order of their changes.

    Of two transactions that do this at once, the second waits, and gets what comes after.
    """
    columns = (
        OutboxMessage.id,
        OutboxMessage.account,
        OutboxMessage.type,
        OutboxMessage.subject,
        OutboxMessage.created_at,
    )
    query = (
        select(*columns)
        .where(OutboxMessage.fanned_out_at.is_(None))
        .order_by(OutboxMessage.position, OutboxMessage.id)
        .limit(limit)
        .with_for_update()
    )
    found = [Waiting(*tuple(row)) for row in await executor.execute(query)]
    if found:
        ids = [each.id for each in found]
        mark = update(OutboxMessage).where(OutboxMessage.id.in_(ids)).values(fanned_out_at=now)
        await executor.execute(mark.execution_options(synchronize_session=False))
    return found


async def read_messages(executor: Executor, ids: Sequence[str]) -> dict[str, Message]:
    """The events of these ids, as far as they are still kept."""
    columns = (
        OutboxMessage.id,
        OutboxMessage.account,
        OutboxMessage.type,
        OutboxMessage.subject,
        OutboxMessage.created_at,
        OutboxMessage.payload,
    )
    rows = await executor.execute(select(*columns).where(OutboxMessage.id.in_(ids)))
    return {row.id: Message(*tuple(row)) for row in rows}


async def waiting_since(executor: Executor) -> datetime | None:
    """When the oldest event that is not fanned out happened."""
    query = select(func.min(OutboxMessage.created_at)).where(OutboxMessage.fanned_out_at.is_(None))
    found: datetime | None = (await executor.execute(query)).scalar()
    return found


async def count_waiting(executor: Executor) -> int:
    """How many events are not fanned out."""
    query = select(func.count()).where(OutboxMessage.fanned_out_at.is_(None))
    return int((await executor.execute(query)).scalar_one())


async def prune(executor: Executor, *, before: datetime, limit: int) -> int:
    """Remove so many of the events that were fanned out and are older; returns how many."""
    old = (
        select(OutboxMessage.id)
        .where(OutboxMessage.fanned_out_at.is_not(None), OutboxMessage.created_at < before)
        .limit(limit)
    )
    statement = delete(OutboxMessage).where(OutboxMessage.id.in_(old))
    result = await executor.execute(statement.execution_options(synchronize_session=False))
    return int(getattr(result, "rowcount", 0))
