"""Only the unit of work commits, only the journal writes its rows, and SQL is rarely text."""

import ast
from pathlib import Path

from tests.contracts.source_tree import SERVER, parse, python_files

ENDING = {"commit", "rollback", "begin", "begin_nested", "savepoint"}
RAW = {"text", "exec_driver_sql", "raw_connection", "driver_connection"}

# Who ends a transaction beside the unit of work, and why it may.
MAY_END = {
    "iam/work/unit_of_work.py": "is the unit of work",
    "iam/journal/denied_questions.py": "denied questions are kept beside the requests that asked",
    "iam/journal/denials.py": "a denial is recorded although its own transaction is rolled back",
    "iam/work/uses.py": "last uses are written in batches, beside the requests that they tell of",
    "iam/leases.py": "a lease is held beside the work that it protects",
    "iam/kit/schema.py": "migrations run before there is a unit of work",
    "iam/features/backup/service.py": "a backup is loaded before there is a unit of work",
    "iam/features/restore/queries.py": "what is replaced may be damaged, and is looked at anyway",
    "iam/work/ledger_sqlite.py": "one commit for all tokens that are issued together",
}
# Where a statement is written as text, and why SQLAlchemy's own language does not serve.
MAY_BE_RAW = {
    "iam/kit/database.py": "pragmas, and the kind of BEGIN that SQLite needs",
    "iam/kit/schema.py": "one migration at a time: an advisory lock, the version table",
    "iam/kit/dumps.py": "pragmas of a copy of a SQLite database",
    "iam/models/audit_chain.py": "the condition of a partial index, part of the schema",
    "iam/models/audit_entry.py": "the condition of a partial index, part of the schema",
    "iam/models/job.py": "the condition of a partial index, part of the schema",
    "iam/models/master_key.py": "the condition of a partial index, part of the schema",
    "iam/models/delivery.py": "the conditions of partial indexes, part of the schema",
    "iam/models/outbox_message.py": "the condition of a partial index, part of the schema",
    "iam/models/signing_key.py": "the condition of a partial index, part of the schema",
    "iam/work/gate.py": "an advisory lock",
    "iam/work/unit_of_work.py": "NOTIFY",
}
# Whose rows the journal alone writes. `iam.models` hands them out, so that an import contract of
# their modules is not enough. Reading them is for the feature that shows them.
JOURNAL_ROWS = {"AuditEntry", "OutboxMessage"}
MAY_NAME_JOURNAL_ROWS = ("iam/journal/", "iam/models/", "iam/features/audit_log/")


def calls(path: Path, names: set[str]) -> list[str]:
    """Where a module calls a function or method of one of these names."""
    found = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names and not opens_unit_of_work(node):
                found.append(f"{path}:{node.lineno}: {name}")
    return found


def opens_unit_of_work(call: ast.Call) -> bool:
    """Whether this is the runtime's `begin`, with a caller, a run's, or one that was handed on."""
    called = call.func
    if isinstance(called, ast.Name):
        return called.id == "begin"
    if ast.unparse(called) == "run.begin":
        return True
    return isinstance(called, ast.Attribute) and called.attr == "begin" and bool(call.args)


def uses_sqlalchemy(path: Path) -> bool:
    """Whether a module is about the database at all: a terminal, too, has a `text`."""
    names = ("sqlalchemy", "iam.kit.database", "iam.work")
    imports = (node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom))
    return any((node.module or "").startswith(names) for node in imports)


def callers(names: set[str], files: list[Path]) -> dict[str, list[str]]:
    found = {path.as_posix(): calls(path, names) for path in files}
    return {path: places for path, places in found.items() if places}


ALL = python_files(SERVER)
DATABASE = [path for path in ALL if uses_sqlalchemy(path)]


def test_only_the_unit_of_work_ends_a_transaction() -> None:
    found = callers(ENDING, ALL)
    assert not {path: places for path, places in found.items() if path not in MAY_END}


def test_sql_is_written_as_text_only_where_named() -> None:
    found = callers(RAW, DATABASE)
    assert not {path: places for path, places in found.items() if path not in MAY_BE_RAW}


def test_every_exception_is_still_used() -> None:
    assert set(MAY_END) <= set(callers(ENDING, ALL))
    assert set(MAY_BE_RAW) <= set(callers(RAW, DATABASE))


def test_only_the_journal_names_the_rows_of_the_audit_log_and_the_outbox() -> None:
    found = [
        f"{path}: {ast.unparse(node)}"
        for path in ALL
        if not path.as_posix().startswith(MAY_NAME_JOURNAL_ROWS)
        for node in ast.walk(parse(path))
        if JOURNAL_ROWS & {getattr(node, "id", ""), getattr(node, "attr", "")}
    ]
    assert not found


def test_the_feature_that_shows_the_audit_log_never_writes_it() -> None:
    files = python_files("iam/features/audit_log")
    writing = JOURNAL_ROWS | {"add", "insert", "update", "delete", "merge"}
    assert files
    assert not [place for path in files for place in calls(path, writing)]
