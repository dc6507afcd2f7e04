"""The connection to the database: SQLite in one process, or PostgreSQL.

The two differ in one thing that the rest must not notice: SQLite has one writer. Writers queue
here, in the process, in the order in which they came; SQLite's own waiting would poll, and be
unfair.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, DateTime, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from iam.kit.patience import give_up
from iam.kit.row_security import ALL_ACCOUNTS, SETTING, bypass

if TYPE_CHECKING:
    import asyncpg

CONNECT_SECONDS: Final = 5
"""How long connecting to PostgreSQL may take."""
GRACE_SECONDS: Final = 0.5
"""How much longer than PostgreSQL may take to end a statement we wait for it to say so."""
_WRITES = "iam_writes"
_LOCK_TIMEOUT = timedelta(seconds=2)
_STATEMENT_TIMEOUT = timedelta(seconds=5)
_MILLISECOND = timedelta(milliseconds=1)
_SERVER_SETTINGS = {
    "application_name": "iam",
    "idle_in_transaction_session_timeout": "10000",
    # What serves all accounts at once sees them all; a unit of work narrows itself.
    SETTING: ALL_ACCOUNTS,
}


class Database:
    """An engine, and the two ways to begin a transaction on it.

    Args:
        url: `sqlite+aiosqlite:///file` or `postgresql+asyncpg://...`.
        pool_size: connections that one replica holds for requests at most.
        lock_timeout: how long a statement waits for a lock on PostgreSQL.
        statement_timeout: how long it may take in all there, and a request wait for a connection.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        lock_timeout: timedelta = _LOCK_TIMEOUT,
        statement_timeout: timedelta = _STATEMENT_TIMEOUT,
    ) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = asyncio.Lock()
        self._server_settings = {
            **_SERVER_SETTINGS,
            "lock_timeout": str(lock_timeout // _MILLISECOND),
            "statement_timeout": str(statement_timeout // _MILLISECOND),
        }
        self.engine = self._pool(pool_size, patience=statement_timeout)
        self._beside = self._pool(1, patience=statement_timeout)

    def _pool(self, size: int, *, patience: timedelta) -> AsyncEngine:
        connect_args: dict[str, Any] = (
            {}
            if self.is_sqlite
            else {"timeout": CONNECT_SECONDS, "server_settings": self._server_settings}
        )
        engine = create_async_engine(
            self.url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=patience.total_seconds(),
            hide_parameters=True,  # an error in the log must not repeat bound values (LG-05)
            connect_args=connect_args,
        )
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        else:
            event.listen(engine.sync_engine, "checkout", _refuse_lost)
            give_up(engine, after=patience.total_seconds() + GRACE_SECONDS)
        return engine

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        """The pool, and what is beside it."""
        return self.engine, self._beside

    @asynccontextmanager
    async def connect(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        """Yield a connection on which no transaction has begun yet.

        Whoever begins one commits it; one that is left open is rolled back. With `writes` on
        SQLite, other writers of this process wait until the connection is given back.
        """
        if self.is_sqlite and writes:
            async with self._writer, self.engine.connect() as connection:
                await connection.execution_options(**{_WRITES: True})
                yield connection
            return
        async with self.engine.connect() as connection:
            if not self.is_sqlite and not writes:
                await connection.execution_options(postgresql_readonly=True)
            yield connection

    @asynccontextmanager
    async def connect_beside(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that only reads, for who holds one of the pool already.

        It sees what is committed. It is none of the pool: when everybody there waits for a lock
        of the asker, nobody gives one back. Whoever has it must not wait for a lock.
        """
        async with self._beside.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(postgresql_readonly=True)
            yield connection

    @asynccontextmanager
    async def writers_turn(self) -> AsyncIterator[None]:
        """Wait for the turn of a writer that has a SQLite connection of its own."""
        async with self._writer:
            yield

    def open_sqlite(self) -> sqlite3.Connection:
        """A connection of the plain driver, for one thread at a time. Write in `writers_turn`."""
        connection = sqlite3.connect(self.url.database or "", check_same_thread=False)
        _prepare_sqlite(connection, None)
        return connection

    async def open_postgresql(self) -> "asyncpg.Connection[Any]":
        """A connection of the plain driver, with the same limits as those of the pool."""
        import asyncpg  # not at the top: SQLite starts without it

        address = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return await asyncpg.connect(
            address, timeout=CONNECT_SECONDS, server_settings=self._server_settings
        )

    async def ping(self) -> None:
        """Ask the database for an answer. Raises SQLAlchemy's own error when there is none."""
        async with self.connect(writes=False) as connection:
            await connection.execute(text("SELECT 1"))

    async def row_security_bypass(self) -> str | None:
        """Why row security does not hold for our role, such as `superuser`; `None` if it does.

        SQLite has no row security, and nothing that bypasses it.
        """
        if self.is_sqlite:
            return None
        async with self.connect(writes=False) as connection:
            return await bypass(connection)

    async def time(self, *, beside: bool = False) -> datetime:
        """What the clock of PostgreSQL shows, which all replicas share. Not for SQLite.

        `beside` is for who holds a connection of the pool already.
        """
        reading = self.connect_beside() if beside else self.connect(writes=False)
        async with reading as connection:
            query = select(func.clock_timestamp(type_=DateTime(timezone=True)))
            return (await connection.execute(query)).scalar_one()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
        await self._beside.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged commit survives power loss
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a reader's transaction fails with SQLITE_BUSY.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refuse_lost(connection: Any, _record: object, _proxy: object) -> None:
    """Have a lost connection of the pool replaced before anybody gets it.

    So the pool heals by itself after the database restarted (F-05). The driver knows at once when
    the other side has closed; asking the database each time would cost three round trips.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError
