"""Old and new code both work on a schema (F-25): a migration adds, and removes only by name.

A revision that removes or renames what older code uses is called `NNNN_from_MMMM`, where MMMM is
the oldest revision whose code still works; see `iam/kit/schema.py`.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect

from iam.kit import schema
from iam.kit.schema_plan import Step, plan

STEPS = plan(None, is_sqlite=False)
NAMES = [step.revision for step in STEPS]
BEFORE_ANY_RELEASE = {"0006"}
"""It renamed a column that no released code had used."""
CONTRACTS = re.compile(
    r"\bDROP (TABLE|COLUMN|SEQUENCE|VIEW)\b|\bRENAME\b|\bSET NOT NULL\b|\bALTER COLUMN \S+ TYPE\b"
    r"|\bADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL\b|\bTRUNCATE\b",
    re.IGNORECASE | re.DOTALL,
)


def takes_away(revision: str) -> bool:
    """Whether older code need not work on it."""
    return "_from_" in revision or revision in BEFORE_ANY_RELEASE


def contracting(step: Step) -> list[str]:
    """What of a step takes away something that older code may use."""
    return [statement for statement in step.statements if CONTRACTS.search(statement)]


@pytest.mark.parametrize("step", STEPS, ids=NAMES)
def test_f_25_a_migration_adds_and_who_takes_away_says_so_in_its_name(step: Step) -> None:
    assert not contracting(step) or takes_away(step.revision)


def test_f_25_a_revision_says_at_least_what_those_before_it_say() -> None:
    floors = [name.partition("_from_")[2] for name in NAMES]
    assert floors == sorted(floors)
    assert all(schema.serves(newer, older) for older, newer in pairwise(NAMES))
    assert NAMES[-1] == schema.HEAD


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE users DROP COLUMN name",
        "DROP TABLE users",
        "ALTER TABLE users RENAME name TO title",
        "ALTER TABLE users ALTER COLUMN name TYPE TEXT",
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE users ADD COLUMN name VARCHAR(4) NOT NULL",
    ],
)
def test_what_takes_away_is_recognised(statement: str) -> None:
    assert contracting(Step("0099", "", (statement,)))
    adds = "ALTER TABLE users ADD COLUMN name VARCHAR(4) DEFAULT '' NOT NULL"
    assert not contracting(Step("0099", "", (adds, "ALTER TABLE users ADD COLUMN name TEXT")))


@pytest.fixture(scope="module")
def shapes() -> Iterator[dict[str, dict[str, Any]]]:
    """By revision: of every table its columns, and which are unique together."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        yield {name: _shape_after(connection, name) for name in NAMES}
    engine.dispose()


def _shape_after(connection: Connection, revision: str) -> dict[str, Any]:
    schema.upgrade_in(connection, revision)
    found = inspect(connection)
    return {
        table: (
            {column["name"]: column for column in found.get_columns(table)},
            [index["column_names"] for index in found.get_indexes(table) if index["unique"]],
        )
        for table in found.get_table_names()
    }


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in pairwise(NAMES) if not takes_away(pair[1])]
)
def test_f_25_what_the_code_before_writes_and_reads_is_there_afterwards(
    before: str, after: str, shapes: dict[str, dict[str, Any]]
) -> None:
    for table, (columns, _) in shapes[before].items():
        now, unique = shapes[after][table]
        for name, column in columns.items():
            assert str(now[name]["type"]) == str(column["type"]), f"{table}.{name}"
            assert now[name]["nullable"] >= column["nullable"], f"{table}.{name}"
        new = set(now) - set(columns)
        missing = [name for name in new if not now[name]["nullable"] and not now[name]["default"]]
        assert not missing, f"{table}: an INSERT of older code does not name {missing}"
        # A new rule over old columns would refuse what older code may write.
        kept = shapes[before][table][1]
        assert not [each for each in unique if each not in kept and not new & set(each)]
