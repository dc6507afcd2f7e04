"""A job of a test's own making, and workers that race for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from iam.features.job_runs import service as runs
from iam.jobs import Job, Run
from iam.models import JobRun, Lease
from iam.worker.runner import lease_of, work_off
from tests.world import World

PATIENCE = 30
HOURLY = "0 * * * *"


@dataclass
class Shift:
    """A job, registered, with what its runs did."""

    world: World
    work: Callable[[Run], Awaitable[None]]
    seen: list[Run] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def job(self) -> Job:
        return Job("test", "Counts", HOURLY, self._run, **self.options)

    async def _run(self, run: Run) -> None:
        self.seen.append(run)
        await self.work(run)

    async def register(self) -> None:
        async with self.world.runtime.begin_as_root() as uow:
            await runs.register_jobs(uow, [("test", "Counts", HOURLY)])

    async def work_off(self) -> None:
        """One look of one worker."""
        await work_off(self.world.runtime, self.job)

    async def pass_hours(self, count: int) -> None:
        await self.world.advance(timedelta(hours=count))

    async def rows(self) -> list[JobRun]:
        """The runs in the order of their slots; those by hand first."""
        async with self.world.work() as uow:
            query = select(JobRun).where(JobRun.job == "test").order_by(JobRun.slot, JobRun.id)
            found = (await uow.scalars(query)).all()
        early = datetime(1, 1, 1, tzinfo=UTC)
        return sorted(found, key=lambda run: run.slot or early)

    async def statuses(self) -> list[str]:
        return [run.status for run in await self.rows()]

    async def events(self) -> list[str]:
        """What the audit log says of the job."""
        entries = await self.world.events()
        told = [entry.type.removeprefix("iam.").removesuffix(".v1") for entry in entries]
        return [name for name in told if name.startswith("job")]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110 -- nobody tells us
                await asyncio.sleep(0.02)

    async def take_lease_away(self) -> None:
        """As if the lease had ended unnoticed: the next who asks gets it."""
        database = self.world.runtime.database
        over = func.datetime("now", "-1 second") if database.is_sqlite else (
            func.clock_timestamp() - timedelta(seconds=1)
        )  # fmt: skip
        async with self.world.work() as uow:
            name = lease_of("test")
            await uow.execute(update(Lease).where(Lease.name == name).values(expires_at=over))


async def nothing(_: Run) -> None:
    """A job without anything to do."""


@pytest.fixture
async def shift(world: World) -> Shift:
    """An hourly job that does nothing, registered at noon."""
    made = Shift(world, nothing)
    await made.register()
    return made
