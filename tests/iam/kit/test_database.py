"""The database: promises that SQLite only keeps when it is asked to, and one writer at a time."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from iam.kit import schema
from iam.kit.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{tmp_path}/iam.db")


async def test_f_04_an_acknowledged_commit_survives_power_loss(database: Database) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    async with database.connect(writes=False) as connection:
        for name, value in expected.items():
            assert (await connection.execute(text(f"PRAGMA {name}"))).scalar_one() == value
    await database.close()


async def test_f_36_writers_of_one_process_take_turns(database: Database) -> None:
    async with database.connect(writes=True) as connection, connection.begin():
        await connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (0)"))

    async def add_one() -> None:
        async with database.connect(writes=True) as connection, connection.begin():
            value = (await connection.execute(text("SELECT value FROM counter"))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(text("UPDATE counter SET value = :v"), {"v": value + 1})

    await asyncio.gather(*(add_one() for _ in range(30)))
    async with database.connect(writes=False) as connection:
        assert (await connection.execute(text("SELECT value FROM counter"))).scalar_one() == 30
    await database.close()


async def test_what_is_not_committed_is_rolled_back(database: Database) -> None:
    async with database.connect(writes=True) as connection:
        await connection.execute(text("CREATE TABLE lost (value INTEGER)"))
    async with database.connect(writes=False) as connection:
        tables = await connection.execute(text("SELECT name FROM sqlite_master"))
        assert tables.all() == []
    await database.close()


async def test_lg_05_a_failed_statement_does_not_show_its_values(database: Database) -> None:
    statement = text("SELECT :value FROM nowhere")
    with pytest.raises(DBAPIError) as caught:
        async with database.connect(writes=False) as connection:
            await connection.execute(statement, {"value": "canary-5e1b"})
    assert "canary-5e1b" not in str(caught.value)
    await database.close()


async def test_the_schema_is_brought_up_to_date_once(database: Database) -> None:
    assert await schema.current_revision(database) is None
    assert await schema.upgrade(database)
    assert not await schema.upgrade(database)
    assert await schema.current_revision(database) == schema.HEAD
    await database.close()


async def test_a_database_of_a_newer_version_is_left_as_it_is(database: Database) -> None:
    await schema.upgrade(database)
    async with database.connect(writes=True) as connection, connection.begin():
        await connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(schema.MigrationError, match="later"):
        await schema.upgrade(database)
    assert await schema.current_revision(database) == "later"
    await database.close()
