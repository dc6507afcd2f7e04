"""Reads the change log and tells the snapshots of this replica what became stale.

PostgreSQL: a notification wakes the reader, a poll is the fallback. Rows may become visible out of
the order of their numbers, so the reader goes by the writing transaction instead: every poll reads
again from the oldest transaction that was still open at the poll before, and skips what it has
already applied. Nothing is missed, and nothing waits for a slow transaction.

SQLite: the poll alone, for what a `--local` command wrote from another process.
"""

import asyncio
import contextlib
from typing import Any, Protocol

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from iam.kit.clock import Clock
from iam.kit.database import Database

CHANNEL = "iam_changes"
POLL_SECONDS = 0.25
TRUST_SECONDS = 5.0
"""A replica that has not read the change log for so long stops trusting its snapshots."""

_log = structlog.get_logger(__name__)

_READ_POSTGRESQL = text("""
    SELECT now.xmin, c.seq, c.entity_id
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) AS now
    LEFT JOIN changes AS c ON c.xid >= :position
    ORDER BY c.seq
""")
_READ_SQLITE = text("SELECT seq, entity_id FROM changes WHERE seq > :position ORDER BY seq")
_START_POSTGRESQL = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_START_SQLITE = text("SELECT COALESCE(MAX(seq), 0) FROM changes")


class Snapshots(Protocol):
    """What becomes stale: a `SnapshotCache`, or something like it."""

    def invalidate(self, entity_id: str) -> None:
        """Forget what depends on this entity."""

    def clear(self) -> None:
        """Forget everything."""


class ChangeReader:
    """Follows the change log of the database in one background task."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._subscribers: list[Snapshots] = []
        self._wake = asyncio.Event()
        self._position = 0
        self._applied: set[int] = set()
        self._read_at = float("-inf")
        self._follower: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._is_stopping = False

    def subscribe(self, snapshots: Snapshots) -> None:
        """Invalidate these snapshots from now on."""
        self._subscribers.append(snapshots)

    @property
    def is_fresh(self) -> bool:
        """Whether snapshots may be trusted: the log was read within the last 5 seconds."""
        return self._clock.monotonic() - self._read_at <= TRUST_SECONDS

    @property
    def staleness(self) -> float:
        """Seconds since the log was last read."""
        return self._clock.monotonic() - self._read_at

    def apply(self, entity_ids: list[str]) -> None:
        """Invalidate now what this very process has just committed."""
        for entity_id in entity_ids:
            for subscriber in self._subscribers:
                subscriber.invalidate(entity_id)

    async def start(self) -> None:
        """Find the present end of the log and follow it from there."""
        query = _START_SQLITE if self._database.is_sqlite else _START_POSTGRESQL
        async with self._database.connect(writes=False) as connection:
            self._position = (await connection.execute(query)).scalar_one()
        self._read_at = self._clock.monotonic()
        self._is_stopping = False
        self._follower = asyncio.create_task(self._follow())
        if not self._database.is_sqlite:
            self._listener = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """End the background tasks.

        A poll under way is finished: a connection of SQLite that is cut off keeps a thread behind,
        which then answers to nobody.
        """
        self._is_stopping = True
        self._wake.set()
        if self._listener is not None:
            self._listener.cancel()
        tasks = [task for task in (self._follower, self._listener) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._follower = self._listener = None

    async def poll(self) -> None:
        """Read the log once and apply what is new."""
        began = self._clock.monotonic()
        was_fresh = self.is_fresh
        read = self._read_sqlite if self._database.is_sqlite else self._read_postgresql
        entity_ids = await read()
        if not was_fresh:
            # The log is pruned; after a long silence only a clean start is certain.
            for subscriber in self._subscribers:
                subscriber.clear()
        self.apply(entity_ids)
        self._read_at = began

    async def _read_sqlite(self) -> list[str]:
        rows = await self._rows(_READ_SQLITE)
        if rows:
            self._position = rows[-1].seq
        return [row.entity_id for row in rows]

    async def _read_postgresql(self) -> list[str]:
        rows = await self._rows(_READ_POSTGRESQL)
        found = {row.seq: row.entity_id for row in rows if row.seq is not None}
        fresh = [entity for seq, entity in found.items() if seq not in self._applied]
        self._applied = set(found)
        self._position = rows[0].xmin
        return fresh

    async def _rows(self, query: Any) -> list[Any]:
        async with self._database.connect(writes=False) as connection:
            return list(await connection.execute(query, {"position": self._position}))

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            if self._is_stopping:
                return
            self._wake.clear()
            try:
                await self.poll()
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("change_log_unreadable", error=type(error).__name__)

    async def _listen(self) -> None:
        address = self._database.url.set(drivername="postgresql")
        while True:
            try:
                connection = await asyncpg.connect(
                    address.render_as_string(hide_password=False), timeout=5
                )
                try:
                    await self._listen_on(connection)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, OSError, TimeoutError) as error:
                # The poll goes on without us: notifications only make it quicker.
                _log.warning("notifications_lost", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _listen_on(self, connection: "asyncpg.Connection[Any]") -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
        await lost.wait()
