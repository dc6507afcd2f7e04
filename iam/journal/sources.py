"""From where the latest requests came that are in the audit log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from iam.journal.outbox import Executor
from iam.models import AuditEntry


async def latest_sources(executor: Executor, *, limit: int) -> dict[str, int]:
    """How many of the latest `limit` entries with an address came from each address."""
    latest = (
        select(AuditEntry.source_address)
        .where(AuditEntry.source_address.is_not(None))
        .order_by(AuditEntry.id.desc())
        .limit(limit)
        .subquery()
    )
    query = select(latest.c.source_address, func.count()).group_by(latest.c.source_address)
    rows: Sequence[Any] = (await executor.execute(query)).all()
    return {address: count for address, count in rows}  # noqa: C416 -- rows are no pairs to mypy
