"""The loop around the jobs: it finds what is due, and nothing that breaks ends it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select

from iam import models
from iam.errors import unavailable
from iam.features.jobs import service as jobs
from iam.jobs import Job, Run
from iam.runtime import Runtime
from iam.worker import keep_house
from iam.worker import loop as worker_loop
from tests.world import World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.any_database,
]

PATIENCE = 30
MINUTELY = "* * * * *"


@asynccontextmanager
async def kept(runtime: Runtime, jobs: Sequence[Job]) -> AsyncIterator[None]:
    keeper = asyncio.create_task(keep_house(runtime, jobs))
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for work a hundred times a second, and at nothing but the jobs."""
    settings = world.runtime.settings
    often = settings.jobs.model_copy(update={"poll": timedelta(milliseconds=10)})
    world.runtime.tools.settings = settings.model_copy(update={"jobs": often})
    monkeypatch.setattr("iam.worker.PUMPS", ())


async def test_f_18_a_job_that_fails_spares_the_others(world: World) -> None:
    has_failed, has_run = asyncio.Event(), asyncio.Event()

    async def broken(_: Run) -> None:
        has_failed.set()
        raise ZeroDivisionError

    async def fine(_: Run) -> None:
        await has_failed.wait()
        has_run.set()

    both = (Job("broken", "", MINUTELY, broken), Job("fine", "", MINUTELY, fine))
    async with kept(world.runtime, both):
        await registered(world, "fine")
        await world.advance(timedelta(minutes=1))
        await has_run.wait()


async def test_a_run_that_somebody_asks_for_begins_at_once(world: World) -> None:
    has_run = asyncio.Event()

    async def fine(run: Run) -> None:
        assert run.slot is None
        has_run.set()

    async with kept(world.runtime, [Job("fine", "", "@yearly", fine)]):
        await registered(world, "fine")
        async with world.work("main") as uow:
            await jobs.run_job(uow, name="fine")
        await has_run.wait()


async def test_a_worker_waits_for_a_database_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_back, register = asyncio.Event(), worker_loop._register

    async def away(*_: object) -> None:
        monkeypatch.setattr(worker_loop, "_register", register)
        is_back.set()
        raise unavailable("database_unavailable", "the database does not answer")

    monkeypatch.setattr(worker_loop, "_register", away)

    async def nothing(_: Run) -> None: ...

    async with kept(world.runtime, [Job("fine", "", MINUTELY, nothing)]):
        await is_back.wait()
        await registered(world, "fine")


async def test_a_pump_that_breaks_begins_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[Runtime] = []
    again = asyncio.Event()

    async def pump(runtime: Runtime) -> None:
        began.append(runtime)
        if len(began) > 1:
            again.set()
        raise ZeroDivisionError

    monkeypatch.setattr("iam.worker.PUMPS", (pump,))
    async with kept(world.runtime, ()):
        await again.wait()


async def registered(world: World, name: str) -> None:
    while True:
        async with world.work() as uow:
            if await uow.scalar(select(models.Job.name).where(models.Job.name == name)):
                return
        await asyncio.sleep(0.01)
