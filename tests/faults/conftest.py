"""Where the fault tests play: an installation on each of the two databases, served for real."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.empty_databases import empty_database
from tests.faults.arena import Arena, open_arena
from tests.faults.rounds import MEASURED
from tests.postgres import Server, start_postgres


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keep a line of figures for the summary of `./dev faults`, and for `pytest -s`."""

    def keep(line: str) -> None:
        record_property(MEASURED, line)
        print(f"\n{line}")  # noqa: T201 -- shown by `-s`

    return keep


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[Server]:
    """A PostgreSQL whose commits reach the disk."""
    with start_postgres(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Arena]:
    """A new installation, on SQLite or on PostgreSQL."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("new_database")
    with open_arena(tmp_path, database_url=url) as opened:
        yield opened


@pytest.fixture
def new_database(durable_postgres: Server) -> Iterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    with empty_database(durable_postgres, "fault") as url:
        yield url
