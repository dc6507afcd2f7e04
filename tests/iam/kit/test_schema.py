"""The schema on a real PostgreSQL: two who migrate, one who is killed, a table that is in use."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import func, select, table, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from iam.kit import schema
from iam.kit.database import Database
from iam.kit.schema_plan import plan
from tests.empty_databases import empty_database
from tests.postgres import Server

pytestmark = pytest.mark.anyio

BEFORE = "0005"
"""A revision with several after it."""
BUSY = "audit_entries"
"""A table that the last of them changes and those before do not."""
LAST = "0009"
"""The last revision that does not need it."""
WAIT_SECONDS = 60.0


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    """The URL of an empty database of PostgreSQL."""
    with empty_database(postgres, "schema_test") as found:
        yield found


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An empty database of PostgreSQL."""
    found = Database(url)
    yield found
    await found.close()


async def bring_to(database: Database, revision: str) -> None:
    async with database.connect(writes=True) as connection, connection.begin():
        await connection.run_sync(schema.upgrade_in, revision)


@asynccontextmanager
async def in_use(database: Database) -> AsyncIterator[None]:
    """Somebody reads the table and does not end the transaction."""
    async with database.connect(writes=False) as connection, connection.begin():
        await connection.execute(select(func.count()).select_from(table(BUSY)))
        yield


async def waits(database: Database) -> int:
    """The process of the database that waits for the table; it is waited for."""
    query = text("SELECT pid FROM pg_locks WHERE relation = to_regclass(:table) AND NOT granted")
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            async with database.connect(writes=False) as connection:
                found = (await connection.execute(query, {"table": BUSY})).scalars().first()
            if found is not None:
                return int(found)
            await asyncio.sleep(0.01)


async def test_f_26_of_two_who_migrate_one_waits_and_finds_it_done(database: Database) -> None:
    await bring_to(database, BEFORE)
    other = Database(database.url.render_as_string(hide_password=False))
    try:
        changed = await asyncio.gather(schema.upgrade(database), schema.upgrade(other))
    finally:
        await other.close()
    assert any(changed)
    assert await schema.current_revision(database) == schema.HEAD


async def test_f_26_a_table_in_use_is_waited_for_in_turns_and_who_is_killed_goes_on_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0.1)
    await bring_to(database, BEFORE)
    async with in_use(database):
        with capture_logs() as lines, pytest.raises(schema.MigrationError, match="in use"):
            await schema.upgrade(database, attempts=2, pause=0)
        assert [line["event"] for line in lines] == ["migration_waits"]
        # What needs no table that is in use is done, and stays done.
        assert await schema.current_revision(database) == LAST
        monkeypatch.setattr(schema, "LOCK_SECONDS", WAIT_SECONDS)
        waiting = asyncio.create_task(schema.upgrade(database))
        pid = await waits(database)
        async with database.connect(writes=False) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises((DBAPIError, OSError)):
            await waiting
        assert await schema.current_revision(database) == LAST
        resumed = asyncio.create_task(schema.upgrade(database))
        await waits(database)
    assert await resumed
    assert await schema.current_revision(database) == schema.HEAD


@pytest.mark.parametrize(
    ("found", "head", "expected"),
    [
        ("0012", "0012", True),
        ("0013", "0012", True),
        ("0011", "0012", False),
        (None, "0012", False),
        ("later", "0012", False),
        ("0014_from_0012", "0012", True),
        ("0014_from_0013", "0012", False),
        ("0014_from_0013", "0014_from_0013", True),
        ("0015_from_0013", "0014_from_0013", True),
    ],
)
def test_f_25_code_works_on_a_newer_schema_until_that_says_otherwise(
    found: str | None, head: str, expected: bool
) -> None:
    assert schema.serves(found, head) is expected


@pytest.mark.parametrize("is_sqlite", [True, False])
def test_a_plan_has_every_statement_of_what_is_missing(is_sqlite: bool) -> None:
    steps = plan("0002", is_sqlite=is_sqlite)
    assert steps[0].revision == "0003"
    assert steps[-1].revision == schema.HEAD
    assert any(one.startswith("CREATE TABLE action_catalogues") for one in steps[0].statements)
    assert plan(schema.HEAD, is_sqlite=is_sqlite) == []
    with pytest.raises(schema.MigrationError, match="later"):
        plan("later", is_sqlite=is_sqlite)
