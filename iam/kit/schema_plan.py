"""What a migration would do, statement by statement, without doing it or asking the database."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import create_engine, event

from iam.kit.schema import MigrationError, migrations_path

_READS: Final = ("SELECT", "PRAGMA", "BEGIN")


@dataclass(frozen=True, slots=True)
class Step:
    """One revision.

    Attributes:
        revision: Its name.
        title: What it is about, in a few words.
        statements: What it executes, in order.
    """

    revision: str
    title: str
    statements: tuple[str, ...]


def plan(since: str | None, *, is_sqlite: bool) -> list[Step]:
    """Every revision after `since`, or all of them. Raises `MigrationError` if it is not known."""
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    scripts = ScriptDirectory(str(migrations_path()))
    try:
        missing = {script.revision for script in scripts.iterate_revisions("head", since or "base")}
        known = list(reversed(list(scripts.iterate_revisions("head", "base"))))
    except (CommandError, RevisionError) as error:
        raise MigrationError(str(error)) from error
    with _on_sqlite() if is_sqlite else _on_postgresql() as said:
        steps = [
            Step(script.revision, script.doc, tuple(said(script.module.upgrade)))
            for script in known
        ]
    return [step for step in steps if step.revision in missing]


@contextmanager
def _on_postgresql() -> Iterator[Any]:
    """Alembic's offline mode: what would be sent is written down."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    written = io.StringIO()
    options = {"as_sql": True, "output_buffer": written}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)

    def said(upgrade: Any) -> list[str]:
        written.seek(0)
        written.truncate()
        upgrade()
        statements = written.getvalue().split(";\n")
        return [statement.strip() for statement in statements if statement.strip()]

    with Operations.context(context):
        yield said


@contextmanager
def _on_sqlite() -> Iterator[Any]:
    """SQLite copies a table to change it, and must see it: so this works on one in memory."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    sent: list[str] = []
    engine = create_engine("sqlite://")

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            sent.append(statement.strip())

    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", note)
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})

        def said(upgrade: Any) -> list[str]:
            sent.clear()
            upgrade()
            return list(sent)

        with Operations.context(context):
            yield said
    engine.dispose()
