"""The database schema: which revision serves which code, and how it is brought up to date.

While replicas are replaced one by one, the code of the release before works on the new schema, and
again after a step back. So a migration only adds (expand), and what nobody uses any more is removed
by a later release (contract). A revision that removes something says in its name which code still
works on it: `0017_from_0012` serves code that needs 0012 or more. So must all that follow it.
"""

import asyncio
import re
from importlib import resources
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from iam.kit.database import Database
from iam.kit.patience import UNHURRIED

HEAD = "0010"
"""The revision that this code needs; a test compares it with the newest migration."""

LOCK_SECONDS: Final = 2
"""How long a migration waits for a table that is in use; everybody else queues behind it."""
ATTEMPTS: Final = 30
"""How often it is tried; in between those who queue have their turn."""
PAUSE_SECONDS: Final = 1.0
_MIGRATION_LOCK: Final = 0x1A12
_LOCK_NOT_AVAILABLE: Final = "55P03"
_REVISION: Final = re.compile(r"([0-9]{4})(?:_from_([0-9]{4}))?")

_log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The migrations cannot be applied: another code's schema, or a table that is always in use."""


def serves(found: str | None, head: str = HEAD) -> bool:
    """Whether code that needs `head` works on a database at the revision `found`."""
    if found == head:
        return True
    theirs, ours = _REVISION.fullmatch(found or ""), _REVISION.fullmatch(head)
    if theirs is None or ours is None or theirs[1] <= ours[1]:
        return False
    return theirs[2] is None or theirs[2] <= ours[1]


def migrations_path() -> Path:
    """Where the migrations are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(str(resources.files("iam")))
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


async def current_revision(database: Database, *, beside: bool = False) -> str | None:
    """The revision of the database; `None` when it is empty.

    `beside` is for who holds a connection of the pool already.
    """
    reading = database.connect_beside() if beside else database.connect(writes=False)
    async with reading as connection:
        try:
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        except DBAPIError:  # no such table; a database that is down speaks up at the next use
            return None
        revision: str | None = found.scalar_one_or_none()
        return revision


async def upgrade(
    database: Database, *, attempts: int = ATTEMPTS, pause: float = PAUSE_SECONDS
) -> bool:
    """Apply what is missing; returns whether anything was. Other replicas wait meanwhile.

    One transaction for each revision, so that no table is locked for longer than its own change
    takes, and whoever is killed in between goes on from there (F-26). A table that is in use is
    waited for at most 2 s at a time, `attempts` times, with a `pause` in seconds.

    Raises `MigrationError` when the database is at a revision that this code cannot work on, or a
    table stays in use.
    """
    if serves(await current_revision(database)):
        return False
    changed, left = False, attempts
    while True:
        try:
            if not await _step(database):
                return changed
            changed = True
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            left -= 1
            if not left:
                message = "a table that is to be changed stays in use; end what uses it"
                raise MigrationError(message) from error
            _log.warning("migration_waits", reason="a table is in use", attempts_left=left)
            await asyncio.sleep(pause)


async def _step(database: Database) -> bool:
    """Apply the next revision; of an empty database, whose tables nobody uses, all of them."""
    async with database.connect(writes=True) as connection, connection.begin():
        if not database.is_sqlite:
            await _take_turn(connection)
        found = await connection.run_sync(_revision)
        if serves(found):
            return False
        await connection.run_sync(upgrade_in, "head" if found is None else "+1")
    return True


async def _take_turn(connection: AsyncConnection) -> None:
    """Wait for whoever else migrates, however long that takes, and then for nobody for long."""
    await connection.execution_options(**{UNHURRIED: True})
    await connection.execute(text("SET LOCAL lock_timeout = 0"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    turn = text("SELECT pg_advisory_xact_lock(:lock)")
    await connection.execute(turn, {"lock": _MIGRATION_LOCK})
    await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    revision: str | None = found.scalar_one_or_none()
    return revision


def upgrade_in(connection: Connection, revision: str = "head") -> None:
    """Apply what is missing up to a revision, in a transaction that somebody else ends.

    Raises `MigrationError` as `upgrade` does, and for a revision that this code does not know.
    """
    # Imported late: a start without work to do must not pay for it.
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(_config(connection), revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def _config(connection: Connection | None) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_path()))
    config.attributes["connection"] = connection
    return config
