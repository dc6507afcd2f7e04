"""States of a PostgreSQL database to which every test can go back, in some milliseconds.

A state is kept in a schema beside the tables. Going back is a function of the database, called on
a connection that stays open: on a new one, reading the catalogue and planning would take longer
than the work.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

import asyncpg

from iam.kit.row_security import ALL_ACCOUNTS, SETTING
from iam.models import Base

# A test that left a transaction open shall fail the next one, not hang it.
_SETTINGS = {SETTING: ALL_ACCOUNTS, "lock_timeout": "60000"}


class Seeds:
    """The kept states of one database. Works from any event loop, having one of its own."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._connect())
        return self

    def __exit__(self, *_raised: object) -> None:
        self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def keep(self, name: str) -> None:
        """Remember the present state under a name."""
        tables = [table.name for table in Base.metadata.sorted_tables]
        steps = [f"CREATE SCHEMA {name}"]
        steps += [f"CREATE TABLE {name}.{table} AS TABLE public.{table}" for table in tables]
        back = [f"DELETE FROM public.{table};" for table in reversed(tables)]  # noqa: S608 -- our own names
        back += [f"INSERT INTO public.{t} SELECT * FROM {name}.{t};" for t in tables]  # noqa: S608 -- as above
        body = f"BEGIN {' '.join(back)} END"
        steps += [
            f"CREATE FUNCTION {name}.bring_back() RETURNS void LANGUAGE plpgsql AS $${body}$$"
        ]
        self._run(self._connection.execute(";".join(steps)))

    def bring_back(self, name: str) -> None:
        """Bring the database back to the state that was kept under a name."""
        self._run(self._bring_back(name))

    async def _bring_back(self, name: str) -> None:
        back = f"SELECT {name}.bring_back()"
        try:
            await self._connection.execute(back)
        except (
            asyncpg.InterfaceError,
            asyncpg.PostgresConnectionError,
            asyncpg.AdminShutdownError,
        ):
            # A test that cuts every connection cuts this one too, and the news comes with the use.
            await self._connect()
            await self._connection.execute(back)

    async def _connect(self) -> None:
        self._connection = await asyncpg.connect(self._dsn, server_settings=_SETTINGS)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
