"""Fixtures that every test shares. A test that asks for `world` runs on both databases."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from iam.features.health import fast
from iam.features.health.service import probes
from iam.journal import change_log_postgresql
from iam.kit import database
from iam.work import ledger
from tests import world as worlds
from tests.host import PATIENCE
from tests.postgres import Server, start_postgres
from tests.seeds import Seeds
from tests.world import Actor, Known, World

# structlog's default renders every frame with its local variables, which takes half a minute for
# one exception of a request, and is not what the server does (iam/kit/logs.py).
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)

# They keep a service from waiting for a database that is away. On a busy machine a test would run
# into them, as it would into those that are settings (`make_settings`).
for _module, _limit in (
    (change_log_postgresql, "READ_SECONDS"),
    (database, "CONNECT_SECONDS"),
    (ledger, "WRITE_SECONDS"),
    (fast, "READY_SECONDS"),
    (probes, "LAG_SECONDS"),
):
    assert hasattr(_module, _limit)
    setattr(_module, _limit, PATIENCE)

DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class PreparedSqlite:
    """Files to copy: of an installation, and of one that has an administrator."""

    installed: Path
    peopled: Path
    administrator: Known

    def new(self, directory: Path, *, peopled: bool) -> str:
        """The URL of a database of its own for one test."""
        shutil.copy(self.peopled if peopled else self.installed, directory / "iam.db")
        return f"sqlite+aiosqlite:///{directory}/iam.db"


@dataclass(frozen=True)
class PreparedPostgres:
    """A database that one test after the other has for itself."""

    url: str
    seeds: Seeds
    administrator: Known

    def new(self, _directory: Path, *, peopled: bool) -> str:
        """The URL of the database, as new."""
        self.seeds.bring_back("peopled" if peopled else "installed")
        return self.url


# A test here waits for real processes for many seconds. At the end of the run, where they stand
# by name, they would keep one worker busy while the others have nothing left to do.
SLOW = ("tests/test_demo.py", "tests/test_worker_process.py")


@pytest.hookimpl(tryfirst=True)  # before what is marked `long` is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the second database to the long profile where it shows nothing; begin with the slow."""
    for item in items:
        is_second = isinstance(item, pytest.Function) and _kind(item) != DATABASES[0]
        if is_second and item.get_closest_marker("any_database") is not None:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


def _kind(item: pytest.Function) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("database_kind", DATABASES[0]) if callspec else DATABASES[0]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for all tests of this process."""
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def prepared_postgresql(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PreparedPostgres]:
    """A PostgreSQL database that can be brought back to how every test begins."""
    directory = tmp_path_factory.mktemp("prepare")
    asyncio.run(worlds.prepare(postgres.url, directory))
    with Seeds(postgres.url.replace("postgresql+asyncpg://", "postgresql://")) as seeds:
        seeds.keep("installed")
        known = asyncio.run(worlds.prepare_administrator(postgres.url, directory))
        seeds.keep("peopled")
        yield PreparedPostgres(postgres.url, seeds, known)


@pytest.fixture(scope="session")
def prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> PreparedSqlite:
    """SQLite databases to copy for every test."""
    installed = tmp_path_factory.mktemp("installed") / "iam.db"
    asyncio.run(worlds.prepare(f"sqlite+aiosqlite:///{installed}", installed.parent))
    peopled = tmp_path_factory.mktemp("peopled") / "iam.db"
    shutil.copy(installed, peopled)
    url = f"sqlite+aiosqlite:///{peopled}"
    known = asyncio.run(worlds.prepare_administrator(url, peopled.parent))
    return PreparedSqlite(installed, peopled, known)


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`."""
    kind: str = request.param
    return kind


@pytest.fixture
def prepared(
    database_kind: str, request: pytest.FixtureRequest
) -> PreparedSqlite | PreparedPostgres:
    """A prepared database of this kind."""
    found: PreparedSqlite | PreparedPostgres = request.getfixturevalue(f"prepared_{database_kind}")
    return found


@pytest.fixture
def database_url(
    prepared: PreparedSqlite | PreparedPostgres, request: pytest.FixtureRequest, tmp_path: Path
) -> str:
    """A prepared database: the test runs once on each kind."""
    return prepared.new(tmp_path, peopled="admin" in request.fixturenames)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A running installation, empty but for what every installation has."""
    async with worlds.open_world(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def admin(prepared: PreparedSqlite | PreparedPostgres, world: World) -> Actor:
    """An administrator of the account `main`."""
    return world.meet(prepared.administrator)
