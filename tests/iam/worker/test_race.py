"""Several workers on one database: each slot has exactly one run, which one worker has run once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from iam import models
from iam.features.job_runs import service as runs
from iam.jobs import Job, Run
from iam.kit.clock import ManualClock
from iam.models import JobRun, OneTimeId
from iam.runtime import Runtime
from iam.worker.runner import work_off
from tests.world import MASTER_KEY, NOON, make_settings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True),
]

REPLICAS = 3
HOUR = timedelta(hours=1)


@pytest.fixture
async def replicas(database_url: str, tmp_path: Path) -> AsyncIterator[list[Runtime]]:
    """CK-01: their clocks are 20 seconds apart."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(REPLICAS):
            clock = ManualClock(NOON + number * timedelta(seconds=20))
            settings = make_settings(database_url, tmp_path, database_pool=4)
            made.append(Runtime(settings, master_key=MASTER_KEY, clock=clock))
            stack.push_async_callback(made[-1].database.close)
        yield made


async def mark(run: Run) -> None:
    """Leaves a mark that a second run of the same slot could not leave."""
    async with run.begin() as uow:
        uow.add(OneTimeId(kind="slot", id=f"{run.slot}", expires_at=uow.now))


async def race(replicas: list[Runtime], slots: int) -> Counter[str]:
    job = Job("race", "Races", "0 * * * *", mark)
    async with replicas[0].begin_as_root() as uow:
        await runs.register_jobs(uow, [(job.name, job.description, job.schedule)])
    for _ in range(slots):
        for replica in replicas:
            assert isinstance(replica.clock, ManualClock)
            replica.clock.advance(HOUR)
        await asyncio.gather(*(work_off(replica, job) for replica in replicas))
    # Who came while the lease was held has found nothing; a last look finds what is left.
    await work_off(replicas[0], job)
    async with replicas[0].begin_as_root() as uow:
        rows = (await uow.scalars(select(JobRun).where(JobRun.job == "race"))).all()
        marks = set(await uow.scalars(select(OneTimeId.id).where(OneTimeId.kind == "slot")))
    assert Counter(row.slot for row in rows) == {NOON + n * HOUR: 1 for n in range(1, slots + 1)}
    assert {f"{row.slot}" for row in rows if row.status == "succeeded"} == marks
    assert {row.attempt for row in rows} <= {0, 1}  # 0: missed
    return Counter(row.status for row in rows)


async def test_ck_01_three_workers_give_every_slot_exactly_one_run(
    replicas: list[Runtime],
) -> None:
    assert await race(replicas, slots=12) == {"succeeded": 12}


@pytest.mark.long
async def test_three_workers_give_each_of_a_thousand_slots_exactly_one_run(
    replicas: list[Runtime],
) -> None:
    assert (await race(replicas, slots=1000)).total() == 1000


async def test_workers_that_start_together_register_each_job_once(
    replicas: list[Runtime],
) -> None:
    async def register(replica: Runtime) -> None:
        async with replica.begin_as_root() as uow:
            await runs.register_jobs(uow, [("one", "", "@daily"), ("two", "", "@daily")])

    await asyncio.gather(*map(register, replicas))
    async with replicas[0].begin_as_root() as uow:
        names = (await uow.scalars(select(models.Job.name).order_by(models.Job.name))).all()
    assert names == ["one", "two"]
