"""F-05: PostgreSQL is stopped and started again, while three replicas get 200 requests a second."""

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from tests.faults.aftermath import settle_all
from tests.faults.arena import Took, starved_seconds
from tests.faults.fleet import Fleet, open_fleet
from tests.faults.journal import Result
from tests.faults.load import Cast, enroll
from tests.faults.nemesis import some_moment
from tests.faults.recovered import superuser_url
from tests.faults.rounds import Measured, many_rounds
from tests.faults.steady import Steady
from tests.host import PATIENCE, Served
from tests.postgres import Server

PER_SECOND: Final = 200
DOWN_SECONDS: Final = 1.0
HEALED_SECONDS: Final = 5.0
"""How much longer than the database the service may be away: a promise, not patience."""
BEFORE_SECONDS: Final = 4.0
AFTER_SECONDS: Final = 8.0

pytestmark = pytest.mark.long


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_f_05_a_restart_of_the_database_under_200_requests_a_second_loses_nothing(
    by: signal.Signals,
    durable_postgres: Server,
    new_database: str,
    tmp_path: Path,
    measured: Measured,
) -> None:
    with open_fleet(tmp_path, new_database) as fleet, fleet.serve() as served:
        fleet.arena.journal.is_durable = False  # this machine goes on, and the disk is slow
        for number in range(many_rounds(3)):
            play = Play(fleet, durable_postgres, new_database, by)
            measured(asyncio.run(play.round(served, number)))
            assert fleet.arena.check() == [], log(fleet)
        assert all(each.process.poll() is None for each in fleet.replicas), log(fleet)


class Play:
    """One restart."""

    def __init__(self, fleet: Fleet, server: Server, url: str, by: signal.Signals) -> None:
        self._fleet = fleet
        self._server = server
        self._url = superuser_url(url).replace("+asyncpg", "")
        self._by = by

    async def round(self, served: Served, number: int) -> str:
        """Load, restart, load on; then find out what became of everything."""
        cast, began_at = Cast(), self._fleet.arena.journal.length
        async with self._fleet.arena.client(served) as client:
            await enroll(client, f"steady-{number}", cast, pause=0)
            steady = Steady(client, cast.secrets[0], PER_SECOND)
            over = asyncio.Event()
            running = asyncio.create_task(steady.run(over.is_set))
            await asyncio.sleep(BEFORE_SECONDS)
            await some_moment(1)
            starved = self._starved()
            down_at = asyncio.get_running_loop().time()
            up_at = await self._restart()
            await asyncio.sleep(AFTER_SECONDS)
            over.set()
            await running
        down = up_at - down_at
        window = steady.failed_until(down_at) - down_at
        took = Took(window - down, max(0.0, self._starved() - starved))
        failed = sum(each.is_error for each in steady.asked)
        acknowledged = sum(each.operation.result is Result.OK for each in steady.asked)
        told = (
            f"{self._by.name}: {steady.rate:.0f} requests/s, {acknowledged} acknowledged, "
            f"{failed} failed; database away {down:.2f} s, errors until {took.wall:+.2f} s after "
            f"it was back"
        )
        assert took.own < HEALED_SECONDS, f"{told}\n{log(self._fleet)}"
        await self._settle(served, cast, began_at)
        return told

    async def _settle(self, served: Served, cast: Cast, began_at: int) -> None:

        operations = self._fleet.arena.journal.since(began_at)
        async with self._fleet.arena.client(served) as client:
            await settle_all(client, cast, operations)

    async def _restart(self) -> float:
        """Returns when the database was back."""
        before = self._server.pid
        self._server.restart(self._by, pause=DOWN_SECONDS)
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(asyncpg.PostgresError, OSError, IndexError, ValueError):
                if self._server.pid != before:
                    connection = await asyncpg.connect(self._url, timeout=2)
                    await connection.close()
                    return asyncio.get_running_loop().time()
            assert time.monotonic() < deadline, "PostgreSQL did not come back"
            await asyncio.sleep(0.02)

    def _starved(self) -> float:
        """Of the replica that had to wait the longest for a processor."""
        return max(starved_seconds(each.process.pid) for each in self._fleet.replicas)


def log(fleet: Fleet) -> str:
    return "\n".join(served.log[-3000:] for served in fleet.replicas)
