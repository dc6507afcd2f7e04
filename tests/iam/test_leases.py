"""Leases: one holder at a time, fences that only grow, and no write under one that is over."""

import asyncio
import sqlite3
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from iam.leases import Fence, LeaseLostError, Leases
from iam.models import Lease, OneTimeId
from iam.work import Caller
from tests.world import World

pytestmark = pytest.mark.anyio

LONG = timedelta(minutes=10)
PATIENCE = 30
ROOT = Caller.root(account="main", partition="iam", request_id="test")


def leases(world: World, *, length: timedelta = LONG, holder: str = "here") -> Leases:
    return Leases(world.runtime.database, length=length, holder=holder)


async def end(world: World, name: str) -> None:
    """Let a lease end now, as if its whole length had passed."""
    async with world.work() as uow:
        over = func.datetime("now", "-1 second") if world.runtime.database.is_sqlite else (
            func.clock_timestamp() - timedelta(seconds=1)
        )  # fmt: skip
        await uow.execute(update(Lease).where(Lease.name == name).values(expires_at=over))


async def write(world: World, fence: Fence, marker: str) -> None:
    """A unit of work of the holder."""
    until = world.clock.now()
    async with world.runtime.begin(ROOT, fence=fence) as uow:
        uow.add(OneTimeId(kind="test", id=marker, expires_at=until))


async def written(world: World) -> list[str]:
    async with world.work() as uow:
        return list(await uow.scalars(select(OneTimeId.id).order_by(OneTimeId.id)))


async def test_one_of_many_gets_the_lease_and_the_next_one_a_greater_fence(world: World) -> None:
    replicas = [leases(world, holder=f"replica-{number}") for number in range(8)]
    found = await asyncio.gather(*(replica.acquire("job") for replica in replicas))
    (fence,) = [each for each in found if each is not None]
    assert fence == Fence("job", 1)
    assert await replicas[0].live(["job", "other"]) == {"job"}

    await replicas[0].release(fence)
    assert await replicas[0].live(["job"]) == set()
    assert await replicas[0].acquire("job") == Fence("job", 2)
    assert await replicas[0].acquire("other") == Fence("other", 1)


async def test_a_lease_that_is_over_can_neither_be_renewed_nor_given_back(world: World) -> None:
    ours = leases(world)
    first = await ours.acquire("job")
    assert first is not None
    assert await ours.renew(first)
    await end(world, "job")
    assert not await ours.renew(first)
    second = await leases(world, holder="there").acquire("job")
    assert second == Fence("job", 2)
    await ours.release(first)
    assert await ours.live(["job"]) == {"job"}


async def test_f_14_nothing_is_written_under_a_lease_that_is_over(world: World) -> None:
    ours, theirs = leases(world), leases(world, holder="there")
    first = await ours.acquire("job")
    assert first is not None
    await write(world, first, "while it was ours")

    await end(world, "job")
    with pytest.raises(LeaseLostError):
        await write(world, first, "when it was nobody's")
    second = await theirs.acquire("job")
    assert second is not None
    with pytest.raises(LeaseLostError):
        await write(world, first, "when it was theirs")
    await write(world, second, "by the next holder")
    assert await written(world) == ["by the next holder", "while it was ours"]


async def test_f_14_a_lease_that_is_lost_within_a_unit_of_work_takes_all_of_it_back(
    world: World,
) -> None:
    fence = await leases(world).acquire("job")
    assert fence is not None
    with pytest.raises(LeaseLostError):
        async with world.runtime.begin(ROOT, fence=fence) as uow:
            uow.add(OneTimeId(kind="test", id="late", expires_at=uow.now))
            await uow.flush()
            await uow.execute(update(Lease).values(fence=Lease.fence + 1))
    assert await written(world) == []


async def test_a_held_lease_is_renewed_for_as_long_as_the_block_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iam.leases.RENEWED_AFTER", 1e-4)
    ours = leases(world)
    async with world.work() as uow:
        uow.add(Lease(name="job", holder="", fence=6, expires_at=uow.now - timedelta(days=365)))
    async with ours.hold("job") as fence, asyncio.timeout(PATIENCE):
        assert fence == Fence("job", 7)
        async with leases(world, holder="there").hold("job") as theirs:
            assert theirs is None
        first = await ends_at(world)
        while await ends_at(world) == first:  # noqa: ASYNC110 -- the database does not tell
            await asyncio.sleep(0.01)
    assert await ours.live(["job"]) == set()


async def ends_at(world: World) -> datetime:
    async with world.work() as uow:
        found: datetime = await uow.scalar(select(Lease.expires_at))
        return found


async def test_f_14_who_finds_the_lease_in_other_hands_is_cancelled(world: World) -> None:
    was_cancelled = False
    with pytest.raises(LeaseLostError):
        async with leases(world, length=timedelta(seconds=3)).hold("job"):
            async with world.work() as uow:
                await uow.execute(update(Lease).values(fence=Lease.fence + 1))
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                was_cancelled = True
                raise
    assert was_cancelled


@pytest.mark.any_database
async def test_f_15_who_cannot_renew_stops_before_the_lease_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = leases(world, length=timedelta(seconds=3))

    async def fails(_: Fence) -> bool:
        raise sqlite3.OperationalError("the database is away")

    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(LeaseLostError):
        async with short.hold("job"):
            monkeypatch.setattr(short, "renew", fails)
            await asyncio.sleep(PATIENCE)
    assert loop.time() - began >= 2


async def test_a_timeout_of_the_holder_s_own_is_not_taken_for_a_lost_lease(world: World) -> None:
    with pytest.raises(TimeoutError):
        async with leases(world).hold("job"):
            raise TimeoutError
    assert await leases(world).live(["job"]) == set()
