"""Brings the database schema up to date, once among any number of replicas that start together."""

from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from iam.kit.database import Database

HEAD = "0010"
"""The revision that this code needs; a test compares it with the newest migration."""

_MIGRATION_LOCK = 0x1A12


class MigrationError(Exception):
    """The migrations of this code do not lead on from where the database is."""


def migrations_path() -> Path:
    """Where the migrations are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(str(resources.files("iam")))
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


async def current_revision(database: Database) -> str | None:
    """The revision of the database; `None` when it is empty."""
    async with database.connect(writes=False) as connection:
        try:
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        except DBAPIError:  # no such table; a database that is down speaks up at the next use
            return None
        revision: str | None = found.scalar_one_or_none()
        return revision


async def upgrade(database: Database) -> bool:
    """Apply what is missing; returns whether anything was. Other replicas wait meanwhile.

    Raises `MigrationError` when the database is at a revision that this code does not know.
    """
    if await current_revision(database) == HEAD:
        return False
    async with database.connect(writes=True) as connection, connection.begin():
        if not database.is_sqlite:
            # Waiting for a migration that is under way may take longer than a request may.
            await connection.execute(text("SET LOCAL lock_timeout = 0"))
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK}
            )
        await connection.run_sync(upgrade_in)
    return True


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
