"""How a batch of issuances is written on SQLite: one hop to one thread.

The driver is used directly. Every call of the asynchronous one is a hop to its thread and back,
and on a busy event loop each hop waits for the interpreter's lock.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from iam.kit.database import Database
from iam.work.issuance import Issuance, Refusal, Refusals

# The parameters are the fields of `Issuance`, by their place.
_WRITE: Final = """
INSERT INTO issued_tokens (
    jti, account, principal_id, client_id, credential_id, kid, audience, scope,
    issued_at, expires_at, principal_epoch, restore_epoch
)
SELECT ?1, p.account, p.id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, p.principal_epoch, i.restore_epoch
FROM principals AS p
JOIN accounts AS n ON n.name = p.account AND n.status = 'active'
JOIN installation AS i ON i.singleton = 1
LEFT JOIN credentials AS c ON c.id = ?5
    AND c.principal_id = ?4 AND c.status = 'active'
    AND (c.expires_at IS NULL OR c.expires_at > ?9)
WHERE p.id = ?2 AND p.status = 'active' AND p.principal_epoch = ?3
    AND (?5 IS NULL OR c.id IS NOT NULL)
"""
_IS_PRINCIPAL_CURRENT: Final = """
SELECT 1 FROM principals AS p JOIN accounts AS n ON n.name = p.account AND n.status = 'active'
WHERE p.id = ? AND p.status = 'active' AND p.principal_epoch = ?
"""
_USE_ONCE: Final = (
    "INSERT INTO one_time_ids (kind, id, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)
_TAKE_BACK: Final = "DELETE FROM issued_tokens WHERE jti = ?"


class SqliteLedger:
    """Writes batches, in turn with the other writers of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def write(self, issuances: Sequence[Issuance]) -> Refusals:
        """Write one batch; see `Store`."""
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="iam-ledger")
        async with self._database.writers_turn():
            return await loop.run_in_executor(self._thread, self._write, issuances)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown(wait=False)

    def _write(self, issuances: Sequence[Issuance]) -> Refusals:
        if self._connection is None:
            self._connection = self._database.open_sqlite()
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = {found.jti: _issue(connection, found) for found in issuances}
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        return {jti: refusal for jti, refusal in outcomes.items() if refusal is not None}

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _issue(connection: sqlite3.Connection, asked: Issuance) -> Refusal | None:
    issued_at = _stored(asked.issued_at)
    row = (*asked[:8], issued_at, _stored(asked.expires_at))
    if connection.execute(_WRITE, row).rowcount == 0:
        principal = (asked.principal_id, asked.principal_epoch)
        is_current = connection.execute(_IS_PRINCIPAL_CURRENT, principal).fetchone()
        return Refusal.CREDENTIAL if is_current else Refusal.PRINCIPAL
    if asked.once_id is None or asked.once_until is None:
        return None
    once = (asked.once_kind, asked.once_id, _stored(asked.once_until))
    if connection.execute(_USE_ONCE, once).rowcount == 1:
        return None
    connection.execute(_TAKE_BACK, (asked.jti,))
    return Refusal.REPLAYED


def _stored(instant: datetime) -> str:
    """An instant as SQLAlchemy stores it on SQLite: UTC without the zone, so that text compares."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
