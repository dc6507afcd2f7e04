"""F-05: every process of PostgreSQL but its first is killed with -9 under load.

The first sees that, throws away what they shared, and recovers from the log, as after a power
failure: no connection survives.
"""

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest

from tests.faults.arena import Arena, Round, Took, open_arena, starved_seconds, summary
from tests.faults.load import StalledError, done
from tests.faults.nemesis import kill_children
from tests.faults.rounds import Measured, many_rounds
from tests.host import PATIENCE, Served
from tests.postgres import Server

HEALED_SECONDS = 5.0
"""How soon the service works again once the database does: a promise, not patience."""
_PAUSE_SECONDS = 0.05


def test_f_05_the_service_outlives_its_database_and_nothing_is_lost(
    durable_postgres: Server, new_database: str, tmp_path: Path, measured: Measured
) -> None:
    measured(play_rounds(durable_postgres, new_database, tmp_path, rounds=1))


@pytest.mark.long
def test_f_05_the_service_outlives_its_database_many_times(
    durable_postgres: Server, new_database: str, tmp_path: Path, measured: Measured
) -> None:
    measured(play_rounds(durable_postgres, new_database, tmp_path, rounds=many_rounds()))


def play_rounds(server: Server, database_url: str, directory: Path, *, rounds: int) -> str:
    def crash(_served: Served) -> None:
        assert kill_children(server.pid) > 1
        asyncio.run(wait_until_back(server))

    took: list[Took] = []
    with open_arena(directory, database_url=database_url) as arena, arena.serve() as served:
        for _ in range(rounds):
            played = arena.load_and_damage(served, crash)
            wall = asyncio.run(heal(arena, played, served))
            took.append(Took(wall, starved_seconds(served.process.pid) - played.starved))
            assert took[-1].own < HEALED_SECONDS, f"{took[-1]}\n{served.log}"
            played.look_after(served)
            assert arena.check() == [], served.log
        assert served.process.poll() is None, "the server did not outlive its database"
    return f"{rounds} rounds, {summary('worked again', took)}"


async def wait_until_back(server: Server) -> None:
    """Wait until PostgreSQL has recovered."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = await asyncpg.connect(server.url.replace("+asyncpg", ""), timeout=2)
        except (asyncpg.PostgresError, OSError, TimeoutError):
            assert time.monotonic() < deadline, "PostgreSQL did not come back"
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            await connection.close()
            return


async def heal(arena: Arena, played: Round, served: Served) -> float:
    """Seconds from the end of the damage until a token and a change are answered again.

    What was under way when the damage was done has been answered before that, too.
    """
    while True:
        try:
            async with arena.client(served) as client:
                done(await client.token(played.cast.secrets[0]))
                name = f"healed-{arena.journal.length}"
                done(await client.api("user.create", name, "POST", "/v1/users", {"name": name}))
        except StalledError:
            assert time.monotonic() - played.over_at < PATIENCE, served.log
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return time.monotonic() - played.over_at
