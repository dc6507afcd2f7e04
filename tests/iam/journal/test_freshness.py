"""Whether a replica knows what changed does not depend on how busy its requests are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from iam.journal.changes import ChangeReader
from iam.kit.database import Database
from tests.world import World

pytestmark = pytest.mark.anyio

POOL = 2
SOON_SECONDS = 30.0


class Told:
    """Snapshots that say when something was invalidated."""

    def __init__(self) -> None:
        self.entities: set[str] = set()

    def invalidate(self, entity_id: str) -> None:
        self.entities.add(entity_id)

    def clear(self) -> None:
        """Nothing is kept."""


@asynccontextmanager
async def following(world: World) -> AsyncIterator[tuple[Database, ChangeReader, Told]]:
    """Another replica: a database with a small pool, and its reader."""
    database = Database(world.runtime.settings.effective_database_url, pool_size=POOL)
    reader, told = ChangeReader(database, world.clock), Told()
    reader.subscribe(told)
    await reader.start()
    try:
        yield database, reader, told
    finally:
        await reader.stop()
        await database.close()


async def change(world: World, entity_id: str) -> None:
    statement = text(
        "INSERT INTO changes (account, entity_id, changed_at) VALUES ('main', :id, :at)"
    )
    async with world.runtime.database.connect(writes=True) as connection, connection.begin():
        at: Any = world.clock.now()
        if world.runtime.database.is_sqlite:
            at = at.isoformat()
        await connection.execute(statement, {"id": entity_id, "at": at})


async def until_told(told: Told, entity_id: str) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while entity_id not in told.entities:  # noqa: ASYNC110 -- nobody tells us either
            await asyncio.sleep(0.02)


async def test_changes_are_seen_while_requests_hold_every_connection(world: World) -> None:
    async with following(world) as (database, _, told), AsyncExitStack() as held:
        for _ in range(POOL):
            await held.enter_async_context(database.connect(writes=False))
        await change(world, "one")
        await until_told(told, "one")


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite has none to lose
async def test_f_05_the_reader_comes_back_after_its_connection_was_cut(world: World) -> None:
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        " AND usename = current_user"
    )
    async with following(world) as (database, _, told):
        async with database.connect(writes=True) as connection:
            ended = (await connection.execute(cut)).all()
            assert len(ended) > 0
        # Whoever asks before the news of the cut has arrived is told to try again.
        with suppress(DBAPIError):
            await change(world, "none")
        await change(world, "one")
        await until_told(told, "one")


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_f_05_nobody_gets_a_connection_that_the_database_has_closed(world: World) -> None:
    mine, count = text("SELECT pg_backend_pid()"), 0
    async with following(world) as (database, _, _told):
        async with AsyncExitStack() as held:
            pids = []
            for _ in range(POOL):
                one = await held.enter_async_context(database.connect(writes=False))
                pids.append((await one.execute(mine)).scalar_one())
        async with world.runtime.database.connect(writes=True) as connection:
            for pid in pids:
                await connection.execute(
                    text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}
                )
        await asyncio.sleep(0.1)  # the news has to arrive
        for _ in range(2 * POOL):
            async with database.connect(writes=False) as connection:
                assert (await connection.execute(mine)).scalar_one() not in pids
                count += 1
    assert count == 2 * POOL
