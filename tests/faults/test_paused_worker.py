"""A worker that was stopped for three leases, and goes on (F-14): nothing it writes is accepted.

The test itself is the next holder: it takes the lease when it has ended, and then lets the worker
go on, whose job writes whatever it is told.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from iam.features.installation.service import start_installation
from iam.features.job_runs.service import register_jobs
from iam.features.jobs.service import run_job
from iam.kit import schema
from iam.leases import Fence, Leases
from iam.models import OneTimeId
from iam.runtime import Runtime
from iam.terminal.host import root_of
from iam.worker.runner import lease_of
from tests.faults.stubborn_worker import DEFECT, KIND
from tests.host import PATIENCE, Host, Served
from tests.world import MASTER_KEY, make_settings

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=1)
OURS = timedelta(minutes=10)
LEASES_STOPPED = 3
REFUSED = '"write_refused"'


@dataclass
class Play:
    """A worker at its job, and the one who takes its place."""

    runtime: Runtime
    worker: Served
    leases: Leases
    refused: int = 0
    accepted: int = 0

    async def round(self) -> None:
        """Stop the worker, hold its lease, let it go on, and count what it has written since."""
        await self.until(self._is_writing)
        self.worker.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(LEASES_STOPPED * LEASE.total_seconds())
            fence = await self._take()
            before, told = await self._rows_before(fence), self._told()
        finally:
            self.worker.process.send_signal(signal.SIGCONT)

        async def has_tried() -> bool:
            return self._told() > told or await self._rows_before(fence) > before

        await self.until(has_tried)
        await self.leases.release(fence)
        await self.until(lambda: self._has_begun_anew(fence))
        self.refused += self._told() - told
        self.accepted += await self._rows_before(fence) - before

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():
                assert self.worker.process.poll() is None, self.worker.log
                await asyncio.sleep(0.05)

    async def _take(self) -> Fence:
        fence = None
        async with asyncio.timeout(PATIENCE):
            # A worker that was stopped while it committed keeps the row for up to ten seconds.
            while fence is None:
                fence = await self.leases.acquire(lease_of("scribble"))
        return fence

    async def _rows(self) -> dict[int, int]:
        """How many rows there are, by the fence that they were written under."""
        async with self.runtime.begin_as_root(read_only=True) as uow:
            query = select(OneTimeId.kind, func.count()).group_by(OneTimeId.kind)
            found = await uow.execute(query.where(OneTimeId.kind.startswith(f"{KIND}/")))
            rows: Sequence[Any] = found.all()
            return {int(kind.partition("/")[2]): count for kind, count in rows}

    async def _rows_before(self, fence: Fence) -> int:
        return sum(count for token, count in (await self._rows()).items() if token < fence.token)

    async def _has_begun_anew(self, fence: Fence) -> bool:
        return max(await self._rows()) > fence.token

    async def _is_writing(self) -> bool:
        before = await self._rows()
        await asyncio.sleep(0.05)
        return await self._rows() != before

    def _told(self) -> int:
        return self.worker.log.count(REFUSED)


async def prepare(runtime: Runtime, job: str = "scribble") -> None:
    """An installation with the job, and a run of it that somebody has asked for."""
    await schema.upgrade(runtime.database)
    await start_installation(lambda: runtime.begin(root_of(runtime)))
    async with runtime.begin_as_root() as uow:
        await register_jobs(uow, [(job, "Of a test", "@yearly")])
    async with runtime.begin_as_root() as uow:
        await run_job(uow, name=job)


@pytest.fixture
async def runtime(new_database: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    opened = Runtime(make_settings(new_database, tmp_path), master_key=MASTER_KEY)
    await prepare(opened)
    yield opened
    await opened.database.close()


@contextmanager
def started(new_database: str, tmp_path: Path, **more: str) -> Iterator[Served]:
    """The worker, as a process of its own."""
    key = tmp_path / "master.key"
    key.write_text(MASTER_KEY.hex())
    key.chmod(0o600)
    settings = {
        "IAM_DATABASE_URL": new_database,
        "IAM_MASTER_KEY_FILE": str(key),
        "IAM_JOBS__LEASE": "PT1S",
        "IAM_JOBS__POLL": "PT0.1S",
        **more,
    }
    program = ("-m", "tests.faults.stubborn_worker")
    with Host(tmp_path, settings, program).work() as worker:
        yield worker


async def play(runtime: Runtime, worker: Served, rounds: int) -> Play:
    played = Play(runtime, worker, Leases(runtime.database, length=OURS, holder="the next one"))
    for _ in range(rounds):
        await played.round()
    return played


async def test_f_14_a_worker_that_was_stopped_for_three_leases_writes_nothing_more(
    runtime: Runtime, new_database: str, tmp_path: Path
) -> None:
    with started(new_database, tmp_path) as worker:
        played = await play(runtime, worker, rounds=1)
    assert played.accepted == 0
    assert played.refused > 0


@pytest.mark.long
async def test_f_14_a_worker_that_is_stopped_a_hundred_times_writes_nothing_in_between(
    runtime: Runtime, new_database: str, tmp_path: Path
) -> None:
    with started(new_database, tmp_path) as worker:
        played = await play(runtime, worker, rounds=100)
    assert played.accepted == 0
    assert played.refused >= 100


@pytest.mark.long
async def test_f_14_without_the_fence_its_writes_are_accepted_and_found(
    runtime: Runtime, new_database: str, tmp_path: Path
) -> None:
    with started(new_database, tmp_path, **{DEFECT: "no_fence"}) as worker:
        played = await play(runtime, worker, rounds=1)
    assert played.accepted > 0
