"""How the change log is followed on PostgreSQL: a connection of its own that listens and polls.

It is none of the pool, so that whether this replica knows what changed does not depend on how busy
its requests are. Rows may become visible out of the order of their numbers, so the reader goes by
the writing transaction instead: every reading begins again at the oldest transaction that was still
open at the reading before, and skips what it has already told. Nothing is missed, and nothing waits
for a slow transaction.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from iam.kit.database import Database

CHANNEL: Final = "iam_changes"
READ_SECONDS: Final = 2.0
"""How long one reading may take, connecting included; then the connection is given up."""

_READ: Final = """
    SELECT now.xmin, c.seq, c.entity_id
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS now
    LEFT JOIN changes AS c ON c.xid >= $1
    ORDER BY c.seq
"""
_END: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class PostgresChangeLog:
    """Reads what is new; connects when it must, and again after the connection was lost.

    Args:
        database: Where the log is.
        wake: Called when something has been committed.
    """

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._connection: Any = None
        self._position = 0
        self._told: set[int] = set()

    async def seek_end(self) -> None:
        """Pass over all that is there."""
        self._told = set()
        (self._position,) = (await self._fetch(_END))[0]

    async def read(self) -> list[str]:
        """The ids of what has changed since the last reading, in order."""
        rows = await self._fetch(_READ, self._position)
        found = {row["seq"]: row["entity_id"] for row in rows if row["seq"] is not None}
        new = [entity for seq, entity in found.items() if seq not in self._told]
        self._told = set(found)
        self._position = rows[0]["xmin"]
        return new

    async def close(self) -> None:
        """Close the connection; another reading opens a new one."""
        if self._connection is not None:
            with contextlib.suppress(Exception):  # whatever it says, we are done with it
                await self._connection.close(timeout=1)
        self._drop()

    async def _fetch(self, query: str, *parameters: int) -> Any:
        try:
            async with asyncio.timeout(READ_SECONDS):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._database.open_postgresql()
                    await self._connection.add_listener(CHANNEL, lambda *_: self._wake())
                return await self._connection.fetch(query, *parameters)
        except BaseException:
            # Whatever state the connection is in now, the next reading gets a clean one.
            self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
