"""One master key follows another while requests go on (SR-03), and nothing is ever unreadable."""

import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from iam.errors import IamError
from iam.features.installation.service import ensure_installation
from iam.features.master_key.queries import count_by_key, sealed_columns
from iam.features.master_key.service import (
    activate_key,
    is_rotation_under_way,
    list_status,
    provide_key,
    reseal,
    retire_key,
    unreadable_values,
)
from iam.kit.sealing import Sealer, key_id_of
from iam.models import IdempotencyRecord
from iam.work import UnitOfWork
from tests.host import ROOT
from tests.iam.features.master_key.stuck_reseal import SAYS
from tests.world import MASTER_KEY, NOON, Actor, World

pytestmark = pytest.mark.anyio
OLD = key_id_of(MASTER_KEY)
NEW_KEY = b"\x08" * 32
NEW = key_id_of(NEW_KEY)
LATER = timedelta(minutes=6)


async def rotate(world: World) -> None:
    """A new key, as the command gives it, which seals from here on."""
    world.runtime.tools.sealer.add([NEW_KEY])
    async with world.work() as uow:
        row = await provide_key(uow)
    assert row is not None
    async with world.work() as uow:
        await activate_key(uow, key_id=row.key_id)


async def by_key(world: World) -> dict[str, int]:
    async with world.work() as uow:
        return await count_by_key(uow)


async def seal_some(world: World, count: int) -> None:
    """Kept answers, whose places have compound keys."""
    async with world.work() as uow:
        for number in range(count):
            row = IdempotencyRecord(
                principal_id="svc_x", key=f"key-{number}", account="main", request_hash=bytes(32),
                status_code=200, answer_sealed=b"", expires_at=NOON + timedelta(days=1),
            )  # fmt: skip
            (column,) = [
                each
                for each in sealed_columns()
                if each.name == "idempotency_records.answer_sealed"
            ]
            place = column.place((row.principal_id, row.key), account="main")
            row.answer_sealed = uow.tools.sealer.seal(b"answer", place)
            uow.add(row)


async def test_sr_03_f_31_a_rotation_under_load_loses_nothing_and_the_old_key_can_go(
    world: World, admin: Actor
) -> None:
    stop = asyncio.Event()

    async def work() -> int:
        count = 0
        while not stop.is_set():
            answer = await admin.http.post(
                "/v1/groups",
                json={"name": f"group-{count}"},
                headers={"Idempotency-Key": f"key-{count}"},
            )
            assert answer.status_code == 201, answer.text
            count += 1
        return count

    worker = asyncio.create_task(work())
    assert set(await by_key(world)) == {OLD}
    await rotate(world)
    assert world.runtime.tools.sealer.key_id == NEW
    async with world.work() as uow:
        assert await is_rotation_under_way(uow)
    await world.run_job("reseal-secrets")
    stop.set()
    assert await worker > 0
    await world.run_job("reseal-secrets")
    assert set(await by_key(world)) == {NEW}
    with pytest.raises(IamError) as caught:
        async with world.work() as uow:
            await retire_key(uow, key_id=OLD)
    assert caught.value.code == "too_early"
    world.clock.advance(LATER)
    async with world.work() as uow:
        await retire_key(uow, key_id=OLD)
    async with world.work() as uow:
        count, broken = await unreadable_values(uow, Sealer(NEW_KEY))
    assert count > 1
    assert not broken
    types = [event.type for event in await world.events()]
    assert [each for each in types if each.startswith("iam.master_key.")] == [
        "iam.master_key.put_to_use.v1",
        "iam.master_key.provided.v1",
        "iam.master_key.superseded.v1",
        "iam.master_key.put_to_use.v1",
        "iam.master_key.withdrawn.v1",
    ]


@pytest.mark.any_database
async def test_f_31_what_was_begun_is_ended_by_another_run(world: World) -> None:
    await seal_some(world, 450)
    await rotate(world)

    class Cut(Exception):  # noqa: N818 -- stands for the end of a process
        pass

    def cut(done: int, _total: int) -> None:
        if done > 200:
            raise Cut

    def begin() -> AbstractAsyncContextManager[UnitOfWork]:
        return world.runtime.begin_as_root()

    with pytest.raises(Cut):
        await reseal(begin, told=cut)
    half = await by_key(world)
    assert half[OLD] > 0
    assert half[NEW] > 0
    told: list[tuple[int, int]] = []
    assert not await reseal(begin, told=lambda done, total: told.append((done, total)))
    assert told[-1] == (half[OLD], half[OLD])
    assert set(await by_key(world)) == {NEW}


@pytest.mark.any_database
async def test_f_31_a_process_that_is_killed_in_the_middle_leaves_no_value_unreadable(
    world: World, tmp_path: Path
) -> None:
    await seal_some(world, 1_000)
    await rotate(world)
    url = world.runtime.settings.effective_database_url
    program = "tests.iam.features.master_key.stuck_reseal"
    arguments = [sys.executable, "-m", program, url, str(tmp_path), NEW_KEY.hex(), MASTER_KEY.hex()]
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).decode().strip() == SAYS
    process.kill()
    await process.wait()
    half = await by_key(world)
    assert half[OLD] > 0
    assert half[NEW] > 0
    both = Sealer(MASTER_KEY, older=[NEW_KEY])
    async with world.work() as uow:
        assert not (await unreadable_values(uow, both))[1]
    await world.run_job("reseal-secrets")
    assert set(await by_key(world)) == {NEW}
    async with world.work() as uow:
        assert not (await unreadable_values(uow, Sealer(NEW_KEY)))[1]


@pytest.mark.any_database
async def test_sr_02_a_value_that_was_moved_is_named_and_left_as_it_is(world: World) -> None:
    await seal_some(world, 2)
    async with world.work() as uow:
        query = select(IdempotencyRecord).order_by(IdempotencyRecord.key)
        first, second = (await uow.scalars(query)).all()
        first.answer_sealed = second.answer_sealed
        moved = bytes(first.answer_sealed)
    await rotate(world)
    run = await world.run_job("reseal-secrets")
    assert run.left_out is not None
    assert "idempotency_records.answer_sealed of svc_x/key-0" in run.left_out
    async with world.work() as uow:
        row = await uow.get(IdempotencyRecord, ("svc_x", "key-0"))
        assert row is not None
        assert row.answer_sealed == moved
        with pytest.raises(IamError) as caught:
            await retire_key(uow, key_id=OLD)
    assert caught.value.code == "key_in_use"


@pytest.mark.any_database
async def test_f_31_a_start_without_a_key_that_is_still_needed_is_refused(world: World) -> None:
    await rotate(world)
    lacking = Sealer(NEW_KEY)
    world.runtime.tools.sealer, whole = lacking, world.runtime.tools.sealer
    with pytest.raises(IamError) as caught:
        async with world.work() as uow:
            await ensure_installation(uow)
    # What proves the key was not sealed anew yet: the message is about the same loss.
    assert caught.value.code in {"master_key_missing", "master_key_wrong"}
    world.runtime.tools.sealer = whole
    await world.run_job("reseal-secrets")
    world.runtime.tools.sealer = Sealer(NEW_KEY)
    with pytest.raises(IamError) as caught:
        async with world.work() as uow:
            await ensure_installation(uow)
    assert caught.value.code == "master_key_missing"
    assert OLD in caught.value.message


@pytest.mark.any_database
async def test_a_new_replica_seals_with_the_key_that_the_database_names(world: World) -> None:
    await rotate(world)
    started = Sealer(MASTER_KEY, older=[NEW_KEY])
    world.runtime.tools.sealer = started
    async with world.work() as uow:
        await ensure_installation(uow)
        status = {each.key_id: each for each in await list_status(uow)}
    assert started.key_id == NEW
    assert (status[OLD].state, status[NEW].state) == ("retiring", "active")
    assert status[OLD].values > 0


def test_every_sealed_column_can_be_sealed_anew() -> None:
    found = {each.name for each in sealed_columns()}
    assert "signing_keys.private_key_sealed" in found
    assert "installation.key_check_sealed" in found
    for sealed in sealed_columns():
        assert sealed.key
        is_of_account = "account" in sealed.table.c
        of_main = sealed.table.name in {"installation", "signing_keys"}
        assert is_of_account or of_main, f"{sealed.name}: which account are its values sealed for?"
