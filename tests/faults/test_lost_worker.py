"""F-13, F-15: the worker that holds a lease is gone, or cut off from the database.

Real processes with leases of a second; the test itself is the next holder where one is needed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from iam.leases import Fence, Leases
from iam.models import JobRun, OneTimeId
from iam.runtime import Runtime
from iam.worker.runner import lease_of
from tests.faults.arena import Took, starved_seconds
from tests.faults.cutting import cutting
from tests.faults.nemesis import kill
from tests.faults.rounds import Measured
from tests.faults.stubborn_worker import KIND, SHOUTS
from tests.faults.test_paused_worker import LEASE, OURS, prepare, started
from tests.host import PATIENCE
from tests.postgres import Server
from tests.world import MASTER_KEY, make_settings

pytestmark = [pytest.mark.anyio, pytest.mark.long]

TICK_SECONDS = 5.0
"""How much longer than the lease it may take: looking for what is due, and the first write."""


@asynccontextmanager
async def prepared(url: str, directory: Path, job: str) -> AsyncIterator[Runtime]:
    opened = Runtime(make_settings(url, directory), master_key=MASTER_KEY)
    try:
        await prepare(opened, job)
        yield opened
    finally:
        await opened.database.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 -- other processes set no event
            await asyncio.sleep(0.05)


async def test_f_13_when_a_worker_is_killed_another_begins_anew_after_the_lease(
    new_database: str, tmp_path: Path, measured: Measured
) -> None:
    async with prepared(new_database, tmp_path, "scribble") as runtime:

        async def latest() -> int:
            """The newest fence under which something was written; 0 for none."""
            async with runtime.begin_as_root(read_only=True) as uow:
                kinds = await uow.scalars(select(OneTimeId.kind).distinct())
                found = [kind.partition("/")[2] for kind in kinds if kind.startswith(f"{KIND}/")]
                return max(map(int, found), default=0)

        async def writes() -> bool:
            return await latest() > 0

        async def writes_anew() -> bool:
            return await latest() > before

        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        with started(new_database, tmp_path / "one") as one:
            await until(writes)
            with started(new_database, tmp_path / "two") as two:
                before = await latest()
                starved = starved_seconds(two.process.pid)
                began = time.monotonic()
                kill(one.process.pid)
                await until(writes_anew)
                wall = time.monotonic() - began
                took = Took(wall, starved_seconds(two.process.pid) - starved)
        async with runtime.begin_as_root(read_only=True) as uow:
            query = select(func.count()).select_from(JobRun).where(JobRun.job == "scribble")
            assert await uow.scalar(query) == 1
    measured(f"begun anew {took} after the kill, with leases of {LEASE.total_seconds():.0f} s")
    assert took.own < LEASE.total_seconds() + TICK_SECONDS, two.log


async def test_f_15_a_worker_without_its_database_does_nothing_more_once_the_lease_is_over(
    durable_postgres: Server, new_database: str, tmp_path: Path, measured: Measured
) -> None:
    shouts = tmp_path / "shouts"
    shouts.touch()
    async with prepared(new_database, tmp_path, "shout") as runtime:
        with cutting(durable_postgres.port) as way:
            beyond = make_url(new_database).set(port=way.port).render_as_string()
            with started(beyond, tmp_path, **{SHOUTS: str(shouts)}) as worker:

                async def is_shouting() -> bool:
                    return len(shouts.read_bytes().splitlines()) > 10

                await until(is_shouting)
                way.is_silent = True
                cut_at = time.monotonic()
                leases = Leases(runtime.database, length=OURS, holder="the next one")
                taken: Fence | None = None
                async with asyncio.timeout(PATIENCE):
                    while taken is None:
                        taken = await leases.acquire(lease_of("shout"))
                        await asyncio.sleep(0.01)
                taken_at = time.monotonic()
                await asyncio.sleep(3 * LEASE.total_seconds())
                last = float(shouts.read_text().split()[-1])
                assert worker.process.poll() is None, worker.log
                way.is_silent = False
    measured(
        f"stopped {last - cut_at:.2f} s after it was cut off, {taken_at - last:.2f} s before "
        "another could take the lease"
    )
    assert last < taken_at, worker.log
