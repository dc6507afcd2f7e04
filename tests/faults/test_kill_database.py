"""F-05: every process of PostgreSQL but its first is killed with -9 under load.

The first sees that, throws away what they shared, and recovers from the log, as after a power
failure: no connection survives.
"""

import asyncio
import time
from pathlib import Path

import asyncpg
import pytest

from tests.faults.arena import Arena, Round, open_arena
from tests.faults.load import done
from tests.faults.nemesis import kill_children
from tests.host import PATIENCE, Served
from tests.postgres import Server

ROUNDS = 20
# The promise is 5 s on a quiet machine; this is how long a busy one is waited for.
HEALED_SECONDS = 30.0
"""How soon the service works again once the database does: a promise, not patience."""
_PAUSE_SECONDS = 0.05


def test_f_05_the_service_outlives_its_database_and_nothing_is_lost(
    durable_postgres: Server, new_database: str, tmp_path: Path
) -> None:
    play_rounds(durable_postgres, new_database, tmp_path, rounds=1)


@pytest.mark.long
def test_f_05_the_service_outlives_its_database_many_times(
    durable_postgres: Server, new_database: str, tmp_path: Path
) -> None:
    play_rounds(durable_postgres, new_database, tmp_path, rounds=ROUNDS)


def play_rounds(server: Server, database_url: str, directory: Path, *, rounds: int) -> None:
    def crash(_served: Served) -> None:
        assert kill_children(server.pid) > 1
        asyncio.run(wait_until_back(server))

    with open_arena(directory, database_url=database_url) as arena, arena.serve() as served:
        for _ in range(rounds):
            played = arena.load_and_damage(served, crash)
            healed_in = asyncio.run(heal(arena, played, served))
            assert healed_in < HEALED_SECONDS, served.log
            played.look_after(served)
            assert arena.check() == [], served.log
        assert served.process.poll() is None, "the server did not outlive its database"


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
    """Seconds until a token and a change are answered again, tried by a client that retries."""
    began = time.monotonic()
    secret = played.cast.secrets[0]
    async with arena.client(served) as client:
        while True:
            name = f"healed-{arena.journal.length}"
            token = await client.token(secret)
            user = await client.api("user.create", name, "POST", "/v1/users", {"name": name})
            if token.status == 200 and done(user).status == 201:
                return time.monotonic() - began
            await asyncio.sleep(_PAUSE_SECONDS)
