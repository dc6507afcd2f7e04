"""How far the database of this host is behind this code, and what a migration would do."""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from iam.kit import schema
from iam.kit.database import Database
from iam.kit.schema_plan import Step, plan
from iam.settings import Settings
from iam.terminal.failures import misconfigured
from iam.terminal.host import no_database, sqlite_file


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database is.

    Attributes:
        found: Its revision; `None` when it is empty or not there.
        steps: What is missing, in order.
    """

    found: str | None
    steps: list[Step]


async def look_at_schema(settings: Settings) -> SchemaState:
    """Look, and change nothing: a SQLite file that is not there is not made.

    Raises `Failure` when the database does not answer, or has a schema that this code cannot work
    on.
    """
    found = await _revision(settings)
    if schema.serves(found):
        return SchemaState(found, [])
    try:
        return SchemaState(found, plan(found, is_sqlite=sqlite_file(settings) is not None))
    except schema.MigrationError as error:
        raise misconfigured(
            f"this code cannot work on the database schema `{found}`: {error}",
            "a newer version of iam may have been here: run that one",
        ) from None


async def _revision(settings: Settings) -> str | None:
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return None
    database = Database(settings.effective_database_url)
    try:
        await database.ping()
        return await schema.current_revision(database)
    except (DBAPIError, OSError, TimeoutError) as error:
        raise no_database(settings, error) from None
    finally:
        await database.close()
