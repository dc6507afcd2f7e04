"""CK-06, F-12: replicas whose clocks differ from the database's, on one real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from sqlalchemy import delete

from iam.features.health.service import ClockWatch, Probes
from iam.features.health.service.clock_watch import LEASE
from iam.kit.clock import ManualClock
from iam.models import Lease
from iam.work import Tools
from tests.world import World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True),
]

HOUR = timedelta(hours=1)


@asynccontextmanager
async def replica(
    world: World, *, ahead: timedelta = timedelta(0), is_fit: bool = True
) -> AsyncIterator[ClockWatch]:
    """The watch of a replica whose clock is that far ahead of the database's."""
    tools: Tools = world.runtime.tools
    clock = ManualClock(await tools.database.time() + ahead)

    async def fit() -> bool:
        return is_fit

    yield ClockWatch(replace(tools, clock=clock), fit)


async def test_ck_06_who_is_out_of_step_sees_that_another_replica_is_not(world: World) -> None:
    async with replica(world) as right, replica(world, ahead=HOUR) as wrong:
        await right.look()
        await wrong.look()
        assert right.is_in_step
        assert not wrong.is_in_step
        assert wrong.skew == pytest.approx(3600, abs=30)
        assert wrong.is_other_in_step


async def test_f_12_where_all_clocks_are_wrong_nobody_is_alone_with_a_right_one(
    world: World,
) -> None:
    async with replica(world, ahead=HOUR) as one, replica(world, ahead=-HOUR) as other:
        for watch in (one, other, one):
            await watch.look()
            assert not watch.is_in_step
            assert not watch.is_other_in_step


async def test_a_replica_that_cannot_serve_is_no_reason_for_others_to_go(world: World) -> None:
    async with replica(world, is_fit=False) as broken, replica(world, ahead=HOUR) as wrong:
        await broken.look()
        await wrong.look()
        assert not wrong.is_other_in_step


async def test_who_gets_out_of_step_gives_the_lease_to_who_is(world: World) -> None:
    async with replica(world) as one, replica(world) as other:
        await one.look()
        await other.look()
        assert other.is_other_in_step
        clock = one._tools.clock
        assert isinstance(clock, ManualClock)
        clock.step(HOUR)
        await one.look()
        assert not one.is_in_step
        await other.look()
        await one.look()
        assert one.is_other_in_step


async def test_when_the_last_one_in_step_is_gone_the_others_serve_again(world: World) -> None:
    async with replica(world) as right, replica(world, ahead=HOUR) as wrong:
        await right.look()
        await wrong.look()
        assert wrong.is_other_in_step
        async with world.runtime.database.connect(writes=True) as connection, connection.begin():
            # As if the lease had ended, since nobody renews it.
            await connection.execute(delete(Lease).where(Lease.name == LEASE))
        await wrong.look()
        assert not wrong.is_other_in_step


async def test_a_replica_in_step_holds_the_lease_until_it_stops(world: World) -> None:
    async with replica(world) as watch:
        task = asyncio.create_task(watch.run())
        with anyio.fail_after(60):
            while not await world.runtime.leases.live([LEASE]):  # noqa: ASYNC110 -- no event tells
                await anyio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not await world.runtime.leases.live([LEASE])


async def test_ck_06_a_probe_heeds_what_the_watch_has_seen(world: World) -> None:
    probes = Probes(world.runtime.tools, world.signers, world.runtime.loop_lag)
    assert await probes.is_ready()
    probes.watch.skew, probes.watch.is_other_in_step = 3600.0, True
    assert not await probes.is_ready()
    assert await probes.is_fit()
    probes.watch.is_other_in_step = False
    assert await probes.is_ready()
