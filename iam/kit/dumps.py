"""All rows of a database as lines of text, and back: the same for SQLite and PostgreSQL.

What is read is one consistent state, while others go on writing. On PostgreSQL that is a
transaction of level REPEATABLE READ. On SQLite it is a copy that its online backup API makes: a
reader would keep the log of the database from being emptied for as long as it reads, and the copy
is checked page by page besides.

The tables are looked up in the database itself, not in the code, so that a dump can be loaded into
the schema that it was taken from.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    TableClause,
    Text,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
)
from sqlalchemy import Sequence as DatabaseSequence
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import AddConstraint, DropConstraint, DropSequence
from sqlalchemy.types import TypeEngine

from iam.errors import IamError, unavailable
from iam.kit.database import Database
from iam.kit.patience import UNHURRIED
from iam.kit.row_lines import Shape, Tally, decoded, encoded

BATCH: Final = 500
"""Rows that are read, encoded and written at a time: a few milliseconds' work."""
_VERSIONS: Final = "alembic_version"
_JSON: Final = JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "instant": DateTime(timezone=True),
    "bytes": LargeBinary(),
    "json": _JSON,
    "boolean": Boolean(),
    "integer": BigInteger(),
    "number": Float(),
    "text": Text(),
}
# In this order: a type of one database may be two of ours, and the first counts.
_KINDS: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (JSON, "json"),
    (DateTime, "instant"),
    (LargeBinary, "bytes"),
    (postgresql.BYTEA, "bytes"),
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Numeric, "number"),
)


@asynccontextmanager
async def snapshot(database: Database, *, beside: Path) -> AsyncIterator[AsyncConnection]:
    """One consistent state of the database, however long it is read.

    Args:
        database: What is read; others may go on writing.
        beside: The directory in which the copy of a SQLite database stands meanwhile.

    Raises `IamError` (unavailable, `database_damaged`) when SQLite finds its file damaged.
    """
    if database.is_sqlite:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".snapshot-") as directory:
            copy = Path(directory) / "copy.db"
            await asyncio.to_thread(_copy_sqlite, database, copy)
            read = Database(f"sqlite+aiosqlite:///{copy}")
            try:
                async with read.connect(writes=False) as connection:
                    yield connection
            finally:
                await read.close()
        return
    async with database.connect(writes=False) as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        await lift_limits(connection)
        yield connection


async def lift_limits(connection: AsyncConnection) -> None:
    """PostgreSQL: let this transaction take longer than a request may."""
    if connection.dialect.name != "postgresql":
        return
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    is_local = True
    await connection.execution_options(**{UNHURRIED: True})
    await connection.execute(select(*(func.set_config(name, "0", is_local) for name in names)))


async def shapes(connection: AsyncConnection, *, leave_out: Collection[str] = ()) -> list[Shape]:
    """The tables of the database by name, but for those left out and that of the migrations."""
    found = await connection.run_sync(_shapes)
    return [shape for shape in found if shape.name not in leave_out]


async def rows(connection: AsyncConnection, shape: Shape) -> AsyncIterator[list[bytes]]:
    """Every row of a table, some at a time, as lines."""
    stream = await connection.stream(select(_clause(shape)), execution_options={"yield_per": BATCH})
    async for batch in stream.partitions(BATCH):
        yield [encoded(row) for row in batch]


async def fill(connection: AsyncConnection, shape: Shape, lines: Sequence[bytes]) -> None:
    """Insert rows."""
    if lines:
        await connection.execute(insert(_clause(shape)), [decoded(shape, line) for line in lines])


async def count_rows(connection: AsyncConnection, shape: Shape) -> int:
    """How many rows are in a table now."""
    query = select(func.count()).select_from(_clause(shape))
    return int((await connection.execute(query)).scalar_one())


async def count(connection: AsyncConnection, shape: Shape) -> Tally:
    """What is in a table now, read back row by row."""
    tally = Tally()
    async for lines in rows(connection, shape):
        tally.add(lines)
    return tally


@asynccontextmanager
async def without_references(connection: AsyncConnection) -> AsyncIterator[None]:
    """Fill tables in any order; at the end every foreign key is checked.

    And every counter of PostgreSQL goes on after what was filled in.
    """
    if connection.dialect.name == "sqlite":
        # Until the commit, which fails if a reference leads nowhere.
        await connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        yield
        return
    dropped = await connection.run_sync(_drop_references)
    yield
    for constraint in dropped:
        await connection.execute(AddConstraint(constraint))


async def empty(connection: AsyncConnection, shape: Shape) -> None:
    """Remove what a migration has put into a table."""
    await connection.execute(delete(_clause(shape)))


async def advance_counter(connection: AsyncConnection, counter: str, *, past: int) -> None:
    """Have a counter of PostgreSQL go on after this number."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.setval(counter, max(past, 1))))


def drop_everything(connection: Connection) -> None:
    """Remove every table, with its rows, and every counter. For PostgreSQL."""
    metadata = MetaData()
    metadata.reflect(connection)
    metadata.drop_all(connection)
    for name in inspect(connection).get_sequence_names():
        connection.execute(DropSequence(DatabaseSequence(name)))


def has_tables(connection: Connection) -> bool:
    """Whether there is anything in the database."""
    return bool(inspect(connection).get_table_names())


def _shapes(connection: Connection) -> list[Shape]:
    inspector = inspect(connection)
    return [
        Shape(
            name,
            tuple((each["name"], _kind(each["type"])) for each in inspector.get_columns(name)),
        )
        for name in sorted(inspector.get_table_names())
        if name != _VERSIONS
    ]


def _clause(shape: Shape) -> TableClause:
    return table(shape.name, *(column(name, _TYPES[kind]) for name, kind in shape.columns))


def _kind(found: TypeEngine[Any]) -> str:
    return next((kind for type_, kind in _KINDS if isinstance(found, type_)), "text")


def _drop_references(connection: Connection) -> list[Any]:
    metadata = MetaData()
    metadata.reflect(connection)
    found = [key for each in metadata.tables.values() for key in each.foreign_key_constraints]
    for constraint in found:
        connection.execute(DropConstraint(constraint))
    return found


def _copy_sqlite(database: Database, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(database.open_sqlite()) as source, closing(sqlite3.connect(copy)) as target:
            # All pages in one step: whoever writes meanwhile writes to the log, and nothing of the
            # copy has to be done again.
            source.backup(target)
            is_sound = target.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        is_sound = False
    if not is_sound:
        raise _damaged()


def _damaged() -> IamError:
    return unavailable(
        "database_damaged",
        "the database file is damaged: its pages contradict each other. Stop the server, keep the "
        "file, and restore the last backup",
    )
