"""Housekeeping: what is over leaves, what is live stays, and a broken job spares the others."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from iam.errors import unavailable
from iam.features.installation import jobs as installation
from iam.features.tokens import jobs as tokens
from iam.features.tokens.jobs import KEPT_AFTER_EXPIRY
from iam.models import Base, Change, IdempotencyRecord, IssuedToken, OneTimeId
from iam.runtime import Runtime
from iam.worker import JOBS, Job, keep_house
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
    await tokens.prune(world.runtime)
    assert await count(world, IssuedToken) == 5
    await world.advance(timedelta(seconds=1))
    await world.token_for(admin.id)
    await tokens.prune(world.runtime)
    assert await count(world, IssuedToken) == 1


async def test_a_one_time_id_stays_until_it_may_be_forgotten(world: World) -> None:
    now = world.clock.now()
    async with world.work() as uow:
        for kind, minutes in (("a", 1), ("b", 10)):
            uow.add(OneTimeId(kind=kind, id="same", expires_at=now + timedelta(minutes=minutes)))
    await world.advance(timedelta(minutes=5))
    await tokens.prune(world.runtime)
    async with world.work() as uow:
        assert (await uow.scalars(select(OneTimeId.kind))).all() == ["b"]


async def test_read_changes_and_old_answers_leave(world: World, admin: Actor) -> None:
    headers = {"Idempotency-Key": "k"}
    await admin.http.post("/v1/users", json={"name": "a"}, headers=headers)
    await installation.prune(world.runtime)
    assert await count(world, Change) > 0
    assert await count(world, IdempotencyRecord) == 1
    await world.advance(timedelta(hours=24, seconds=1))
    await installation.prune(world.runtime)
    assert await count(world, Change) == 0
    assert await count(world, IdempotencyRecord) == 0


async def test_f_18_a_job_that_fails_is_tried_again_and_spares_the_others(world: World) -> None:
    failures: list[Exception] = [unavailable("x", "x"), ZeroDivisionError()]
    tried_again, spared = asyncio.Event(), asyncio.Event()

    async def broken(_: Runtime) -> None:
        if failures:
            raise failures.pop()
        tried_again.set()

    async def fine(_: Runtime) -> None:
        if tried_again.is_set():
            spared.set()

    jobs = (Job("broken", 0.01, broken), Job("fine", 0.01, fine))
    keeper = asyncio.create_task(keep_house(world.runtime, jobs))
    async with asyncio.timeout(30):
        await tried_again.wait()
        await spared.wait()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


async def test_every_job_runs_on_an_installation_with_nothing_to_do(world: World) -> None:
    for job in JOBS:
        await job.run(world.runtime)
