"""What must not overlap on PostgreSQL: advisory locks. SQLite's single writer does it by nature.

**The issuance gate**, between those who issue tokens and those who take rights away. A transaction
that disables, revokes or deletes must not overlap with a batch that issues, or a token could be
acknowledged after the revocation was. Batches share the lock, and the others take it alone, last
thing before they commit; a batch looks at principals and credentials only when it holds the lock.

**The account**, between its changes. Who is authorized by what another transaction is just taking
away would change something after the answer to that (PE-32). Whoever changes something takes the
caller's account before looking at what the caller may do; so one change follows the other, and
each sees all that came before.

**All accounts**, before a guardrail changes, which binds accounts that its author is not in. Every
change shares this lock besides, and who changes guardrails takes it alone.
"""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

GATE = 0x1A11
"""The key of the advisory lock of issuance."""
ACCOUNTS = 0x1A12
"""The first half of the keys of accounts; two halves are never the key of the gate."""
ALL_ACCOUNTS = 0x1A13
"""The key of the advisory lock that stands for every account."""

_CLOSE = text("SELECT pg_advisory_xact_lock(:gate)")


async def close_gate(session: AsyncSession) -> None:
    """Wait for batches under way, and keep new ones out until this transaction ends."""
    await session.execute(_CLOSE, {"gate": GATE})


async def hold_account(session: AsyncSession, account: str) -> None:
    """Wait for the change under way in this account, and keep others out until this one ends.

    Two accounts may have one key by chance, and then wait for each other; nothing else follows.
    """
    own = func.pg_advisory_xact_lock(ACCOUNTS, func.hashtext(account))
    await session.execute(select(own, func.pg_advisory_xact_lock_shared(ALL_ACCOUNTS)))


async def hold_all_accounts(session: AsyncSession) -> None:
    """Wait for the changes under way in any account, and keep others out until this one ends.

    For who holds `main`: so no two wait here for each other.
    """
    await session.execute(select(func.pg_advisory_xact_lock(ALL_ACCOUNTS)))
