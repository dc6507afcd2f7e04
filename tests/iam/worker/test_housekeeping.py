"""Housekeeping: what is over leaves, and what is live stays."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from iam.features.job_runs.rules import KEPT
from iam.features.job_runs.service import register_jobs
from iam.features.tokens import jobs as tokens
from iam.features.tokens.jobs import KEPT_AFTER_EXPIRY
from iam.kit.ids import IdKind, new_id
from iam.models import Base, Change, IdempotencyRecord, IssuedToken, JobRun, OneTimeId, RunStatus
from iam.worker import JOBS
from tests.world import Actor, World

pytestmark = pytest.mark.anyio


async def count(world: World, model: type[Base]) -> int:
    async with world.work() as uow:
        found: int = await uow.scalar(select(func.count()).select_from(model))
        return found


async def test_a_ledger_row_stays_for_thirty_days_after_its_token_has_ended(
    world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "BATCH", 2)  # several batches, with few rows
    for _ in range(4):
        await world.token_for(admin.id, ttl=timedelta(hours=1))
    await world.advance(KEPT_AFTER_EXPIRY + timedelta(hours=1))
    await world.run_job("prune-tokens")
    assert await count(world, IssuedToken) == 5
    await world.advance(timedelta(seconds=1))
    await world.token_for(admin.id)
    run = await world.run_job("prune-tokens")
    assert run.done == 5
    assert await count(world, IssuedToken) == 1


async def test_a_one_time_id_stays_until_it_may_be_forgotten(world: World) -> None:
    now = world.clock.now()
    async with world.work() as uow:
        for kind, minutes in (("a", 1), ("b", 10)):
            uow.add(OneTimeId(kind=kind, id="same", expires_at=now + timedelta(minutes=minutes)))
    await world.advance(timedelta(minutes=5))
    await world.run_job("prune-one-time-ids")
    async with world.work() as uow:
        assert (await uow.scalars(select(OneTimeId.kind))).all() == ["b"]


async def test_read_changes_and_old_answers_leave(world: World, admin: Actor) -> None:
    headers = {"Idempotency-Key": "k"}
    await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
    await world.run_job("prune-journal")
    assert await count(world, Change) > 0
    assert await count(world, IdempotencyRecord) == 1
    await world.advance(timedelta(hours=24, seconds=1))
    await world.run_job("prune-journal")
    assert await count(world, Change) == 0
    assert await count(world, IdempotencyRecord) == 0


@pytest.mark.any_database
async def test_runs_stay_for_thirty_days_and_the_newest_of_each_job_for_good(world: World) -> None:
    async with world.runtime.begin_as_root() as uow:
        await register_jobs(uow, [("a", "", "@daily"), ("b", "", "@daily")])
    kept = [await add_run(world, "a", finished=False)]
    over = [await add_run(world, "a"), await add_run(world, "a")]
    kept.append(await add_run(world, "b"))
    await world.advance(KEPT)
    kept.append(await add_run(world, "a"))
    await world.run_job("prune-job-runs")
    assert await run_ids(world) == sorted(kept + over)
    await world.advance(timedelta(seconds=1))
    run = await world.run_job("prune-job-runs")
    assert run.done == len(over)
    assert await run_ids(world) == sorted(kept)


async def add_run(world: World, job: str, *, finished: bool = True) -> str:
    async with world.work() as uow:
        run = JobRun(
            id=new_id(IdKind.JOB_RUN, uow.now),
            job=job,
            status=RunStatus.SUCCEEDED if finished else RunStatus.QUEUED,
            created_at=uow.now,
            not_before=uow.now,
            finished_at=uow.now if finished else None,
        )
        uow.add(run)
        return run.id


async def run_ids(world: World) -> list[str]:
    async with world.work() as uow:
        return list(await uow.scalars(select(JobRun.id).order_by(JobRun.id)))


async def test_every_job_runs_on_an_installation_with_nothing_to_do(world: World) -> None:
    for job in JOBS:
        await world.run_job(job.name)


def test_jobs_have_names_and_lines_that_a_table_can_show() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    for job in JOBS:
        assert job.name == job.name.lower().replace("_", "-")
        assert len(job.name) <= 64
        assert not job.description.endswith(".")
