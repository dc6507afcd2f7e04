"""Fixtures that every test shares. A test that asks for `world` runs on both databases."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests import world as worlds
from tests.postgres import Server, start_postgres
from tests.world import Actor, World

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

DATABASES = ("sqlite", "postgresql")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for all tests of this process."""
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def prepared_postgres(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL database whose prepared state is kept."""

    async def prepare() -> None:
        await worlds.prepare(postgres.url, tmp_path_factory.mktemp("prepare"))
        await worlds.keep_seed(_dsn(postgres.url))

    asyncio.run(prepare())
    return postgres.url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared SQLite database to copy."""
    directory = tmp_path_factory.mktemp("template")
    file = directory / "iam.db"
    asyncio.run(worlds.prepare(f"sqlite+aiosqlite:///{file}", directory))
    return file


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`. Prepares it here, where no event loop runs yet."""
    kind: str = request.param
    request.getfixturevalue("sqlite_template" if kind == "sqlite" else "prepared_postgres")
    return kind


@pytest.fixture
async def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A prepared database: the test runs once on each kind."""
    if database_kind == "sqlite":
        return worlds.copy_sqlite(request.getfixturevalue("sqlite_template"), tmp_path)
    url: str = request.getfixturevalue("prepared_postgres")
    await worlds.reset_to_seed(_dsn(url))
    return url


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A running installation, empty but for what every installation has."""
    async with worlds.open_world(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def admin(world: World) -> Actor:
    """An administrator of the account `main`."""
    return await world.administrator()


def _dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")
