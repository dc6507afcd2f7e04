"""The issuance gate, between those who issue tokens and those who take rights away.

A transaction that disables, revokes or deletes must not overlap with a batch that issues, or a
token could be acknowledged after the revocation was. On PostgreSQL batches share an advisory lock,
and the others take it alone, last thing before they commit; a batch looks at principals and
credentials only when it holds the lock. On SQLite the single writer does the same by nature.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

GATE = 0x1A11
"""The key of the advisory lock."""

_CLOSE = text("SELECT pg_advisory_xact_lock(:gate)")


async def close_gate(session: AsyncSession) -> None:
    """Wait for batches under way, and keep new ones out until this transaction ends."""
    await session.execute(_CLOSE, {"gate": GATE})
