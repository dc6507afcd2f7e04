"""Reads the change log and tells the snapshots of this replica what became stale.

PostgreSQL: a notification wakes the reader, a poll is the fallback. SQLite: the poll alone. What is
new, and nothing twice, is found by `change_log_postgresql.py` and `change_log_sqlite.py`.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import structlog

from iam.journal.change_log_postgresql import PostgresChangeLog
from iam.journal.change_log_sqlite import SqliteChangeLog
from iam.kit.clock import Clock
from iam.kit.database import Database

POLL_SECONDS = 0.25
TRUST_SECONDS = 5.0
"""A replica that has not read the change log for so long stops trusting its snapshots."""

_log = structlog.get_logger(__name__)


class Snapshots(Protocol):
    """What becomes stale: a `SnapshotCache`, or something like it."""

    def invalidate(self, entity_id: str) -> None:
        """Forget what depends on this entity."""

    def clear(self) -> None:
        """Forget everything."""


class ChangeLog(Protocol):
    """What is followed: one reading after the other, each of what came since the one before."""

    async def seek_end(self) -> None:
        """Pass over all that is there."""

    async def read(self) -> list[str]:
        """The ids of what has changed since the last reading, in order."""

    async def close(self) -> None:
        """Let go of what is held; another reading takes it again."""


class ChangeReader:
    """Follows the change log of the database in one background task."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()
        self._log: ChangeLog = (
            SqliteChangeLog(database)
            if database.is_sqlite
            else PostgresChangeLog(database, self._wake.set)
        )
        self._subscribers: list[Snapshots] = []
        self._read_at = float("-inf")
        self._follower: asyncio.Task[None] | None = None
        self._is_stopping = False

    def subscribe(self, snapshots: Snapshots) -> None:
        """Invalidate these snapshots from now on."""
        self._subscribers.append(snapshots)

    @property
    def subscribers(self) -> Sequence[Snapshots]:
        """All that is invalidated."""
        return self._subscribers

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
        began = self._clock.monotonic()
        await self._log.seek_end()
        self._read_at = began
        self._is_stopping = False
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End the background task.

        A poll under way is finished: a connection of SQLite that is cut off keeps a thread behind,
        which then answers to nobody.
        """
        self._is_stopping = True
        self._wake.set()
        if self._follower is not None:
            await self._follower
            self._follower = None
        await self._log.close()

    async def poll(self) -> None:
        """Read the log once and apply what is new. One at a time."""
        async with self._reading:
            began = self._clock.monotonic()
            was_fresh = self.is_fresh
            entity_ids = await self._log.read()
            if not was_fresh:
                # The log is pruned; after a long silence only a clean start is certain.
                for subscriber in self._subscribers:
                    subscriber.clear()
            self.apply(entity_ids)
            self._read_at = began

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            if self._is_stopping:
                return
            self._wake.clear()
            try:
                await self.poll()
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next poll is tried
                _log.warning("change_log_unreadable", error=type(error).__name__)
