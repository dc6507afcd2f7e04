"""The life of a run: due, begun, ended; failed, lost, missed, cancelled."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from iam.errors import unavailable
from iam.features.jobs import service as jobs
from iam.features.signing_keys.service import rotate_keys
from iam.features.users.service import create_user
from iam.jobs import Run
from iam.leases import LeaseLostError
from iam.models import AuditEntry, OneTimeId, OutboxMessage, RunStatus
from iam.worker import runner
from tests.iam.worker.conftest import PATIENCE, Shift

pytestmark = pytest.mark.anyio

BUSY = 3600


async def leave_mark(run: Run) -> None:
    async with run.begin() as uow:
        uow.add(OneTimeId(kind="test", id=f"{run.slot}", expires_at=uow.now))


async def for_ever(run: Run) -> None:
    run.progress(3, 10, "counting")
    await asyncio.sleep(BUSY)


async def request(shift: Shift) -> str:
    async with shift.world.work("main") as uow:
        return (await jobs.run_job(uow, name="test")).id


async def cancel(shift: Shift, run_id: str) -> None:
    async with shift.world.work("main") as uow:
        await jobs.cancel_run(uow, name="test", run_id=run_id)


async def test_a_slot_is_run_once_it_is_due_and_once_alone(shift: Shift) -> None:
    await shift.work_off()
    assert await shift.rows() == []
    await shift.pass_hours(1)
    await shift.work_off()
    await shift.work_off()
    (run,) = await shift.rows()
    assert run.slot == shift.seen[0].slot == shift.world.clock.now()
    assert (run.status, run.attempt, run.error_code) == ("succeeded", 1, None)
    assert len(shift.seen) == 1
    assert await shift.events() == ["job.created", "job_run.started", "job_run.succeeded"]


async def test_what_a_job_changes_bears_the_name_of_the_job(shift: Shift) -> None:
    shift.work = leave_mark
    await shift.pass_hours(1)
    await shift.work_off()
    async with shift.world.work() as uow:
        query = select(AuditEntry).where(AuditEntry.type == "iam.job_run.succeeded.v1")
        entry = await uow.scalar(query)
        sent = await uow.get(OutboxMessage, entry.id)
    assert entry.actor == entry.subject == "arn:iam:iam::main:job/test"
    assert entry.request_id == entry.target_id == (await shift.rows())[0].id
    assert entry.detail is not None
    assert entry.detail["slot"] == "2026-07-01T13:00:00Z"
    assert sent is not None
    assert sent.subject == entry.subject


@pytest.mark.any_database
async def test_a_job_may_do_what_the_account_itself_may(shift: Shift) -> None:
    acme = await shift.world.account("acme")

    async def works(run: Run) -> None:
        async with run.begin() as uow:
            await rotate_keys(uow)
        async with run.begin(acme) as uow:
            await create_user(uow, name="made-by-a-job")

    shift.work = works
    await shift.pass_hours(1)
    await shift.work_off()
    assert await shift.statuses() == ["succeeded"]
    (made,) = await shift.world.events(account=acme)
    assert (made.actor, made.type) == ("arn:iam:iam::main:job/test", "iam.user.created.v1")


@pytest.mark.any_database
async def test_a_quiet_job_tells_only_of_what_goes_wrong(shift: Shift) -> None:
    shift.options = {"is_quiet": True, "attempts": 1}
    await shift.pass_hours(1)
    await shift.work_off()

    async def fails(_: Run) -> None:
        raise unavailable("disk_full", "no space is left")

    shift.work = fails
    await shift.pass_hours(1)
    await shift.work_off()
    assert await shift.statuses() == ["succeeded", "failed"]
    assert await shift.events() == ["job.created", "job_run.failed"]


async def test_f_17_missed_slots_are_recorded_and_caught_up_by_one_run(shift: Shift) -> None:
    await shift.pass_hours(6)
    await shift.work_off()
    assert await shift.statuses() == [*["missed"] * 5, "succeeded"]
    assert [run.slot for run in shift.seen] == [shift.world.clock.now()]
    slots = [run.slot for run in await shift.rows()]
    assert slots == [shift.world.clock.now() - timedelta(hours=left) for left in range(5, -1, -1)]
    entries = [one for one in await shift.world.events() if one.type == "iam.job_run.missed.v1"]
    assert [(entry.detail or {}).get("slots") for entry in entries] == [5]


@pytest.mark.any_database
async def test_f_17_slots_that_come_while_it_runs_never_make_it_overlap_itself(
    shift: Shift,
) -> None:
    async def long(run: Run) -> None:
        if run.slot == first:
            await shift.pass_hours(3)
            await shift.work_off()  # another look meanwhile

    await shift.pass_hours(1)
    first = shift.world.clock.now()
    shift.work = long
    await shift.work_off()
    assert await shift.statuses() == ["succeeded", "missed", "missed", "succeeded"]
    assert len(shift.seen) == 2


async def test_f_18_a_run_that_fails_is_tried_again_after_a_while_and_then_has_failed(
    shift: Shift,
) -> None:
    async def fails(_: Run) -> None:
        raise ZeroDivisionError("a secret")

    shift.work = fails
    await shift.pass_hours(1)
    await shift.work_off()
    await shift.work_off()
    assert len(shift.seen) == 1
    assert await shift.statuses() == ["queued"]
    for pause in (10, 20):
        await shift.world.advance(timedelta(seconds=pause))
        await shift.work_off()
    (run,) = await shift.rows()
    assert (run.status, run.attempt) == ("failed", 3)
    assert (run.error_code, run.error) == ("internal_error", "ZeroDivisionError")
    assert [seen.attempt for seen in shift.seen] == [1, 2, 3]
    assert (await shift.events()).count("job_run.failed") == 3


@pytest.mark.any_database
async def test_what_a_refusal_says_is_kept(shift: Shift) -> None:
    async def fails(_: Run) -> None:
        raise unavailable("disk_full", "no space is left")

    shift.work, shift.options = fails, {"attempts": 1}
    await shift.pass_hours(1)
    await shift.work_off()
    (run,) = await shift.rows()
    assert (run.error_code, run.error) == ("disk_full", "no space is left")


@pytest.mark.any_database
async def test_f_18_a_run_that_leaves_something_out_is_incomplete_and_not_tried_again(
    shift: Shift,
) -> None:
    async def leaves_out(run: Run) -> None:
        run.progress(99, 100, "rows")
        run.incomplete("row 7 cannot be read")

    shift.work = leaves_out
    await shift.pass_hours(1)
    await shift.work_off()
    (run,) = await shift.rows()
    assert (run.status, run.error) == ("incomplete", "row 7 cannot be read")
    assert (run.progress_done, run.progress_total, run.progress_text) == (99, 100, "rows")


async def test_f_13_a_run_whose_worker_is_gone_begins_anew_in_the_same_row(shift: Shift) -> None:
    shift.work = for_ever
    await shift.pass_hours(1)
    gone = asyncio.create_task(shift.work_off())
    await shift.until(lambda: _is(shift, "running"))
    await shift.take_lease_away()

    async def nothing(_: Run) -> None: ...

    shift.work = nothing
    await shift.work_off()  # what is left of the first one goes on all the while
    (run,) = await shift.rows()
    assert (run.status, run.attempt, run.fence) == ("succeeded", 2, 2)
    assert await shift.events() == [
        "job.created",
        "job_run.started",
        "job_run.lost",
        "job_run.started",
        "job_run.succeeded",
    ]
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await shift.statuses() == ["succeeded"]  # its last words are refused


@pytest.mark.any_database
async def test_a_run_that_is_lost_too_often_is_lost(shift: Shift) -> None:
    shift.work, shift.options = for_ever, {"attempts": 2}
    await shift.pass_hours(1)
    gone = []
    for attempt in (1, 2):
        gone.append(asyncio.create_task(shift.work_off()))
        await shift.until(partial(_has_begun, shift, attempt))
        await shift.take_lease_away()
    await shift.work_off()
    (run,) = await shift.rows()
    assert (run.status, run.attempt, run.error_code) == ("lost", 2, "worker_lost")
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)


async def test_f_14_a_job_that_goes_on_after_its_lease_writes_nothing(shift: Shift) -> None:
    refused = asyncio.Event()

    async def goes_on(run: Run) -> None:
        await shift.take_lease_away()
        try:
            await leave_mark(run)
        except LeaseLostError:
            refused.set()
            raise

    shift.work = goes_on
    await shift.pass_hours(1)
    with pytest.raises(LeaseLostError):
        await shift.work_off()
    assert refused.is_set()
    async with shift.world.work() as uow:
        assert await uow.scalar(select(OneTimeId.id)) is None
    assert await shift.statuses() == ["running"]


async def test_a_run_that_is_under_way_tells_how_far_it_is_and_ends_when_asked(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "FOLLOWED_EVERY", 0.02)
    shift.work = for_ever
    run_id = await request(shift)
    working = asyncio.create_task(shift.work_off())

    async def tells() -> bool:
        return any(run.progress_text == "counting" for run in await shift.rows())

    await shift.until(tells)
    await cancel(shift, run_id)
    await cancel(shift, run_id)
    async with asyncio.timeout(PATIENCE):
        await working
    (run,) = await shift.rows()
    assert (run.status, run.slot, run.requested_by) == (
        "cancelled",
        None,
        "arn:iam:iam::main:root",
    )
    assert (run.progress_done, run.progress_total) == (3, 10)
    assert shift.seen[0].is_cancelled
    assert await shift.events() == [
        "job.created",
        "job_run.requested",
        "job_run.started",
        "job_run.cancel_requested",
        "job_run.cancelled",
    ]


@pytest.mark.any_database
async def test_a_run_that_waits_is_cancelled_at_once(shift: Shift) -> None:
    run_id = await request(shift)
    assert await request(shift) == run_id
    await cancel(shift, run_id)
    await shift.work_off()
    assert shift.seen == []
    assert await shift.statuses() == ["cancelled"]


async def test_a_worker_that_stops_gives_its_run_back_and_that_was_no_attempt(
    shift: Shift,
) -> None:
    shift.work = for_ever
    await shift.pass_hours(1)
    working = asyncio.create_task(shift.work_off())
    await shift.until(lambda: _is(shift, "running"))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    (run,) = await shift.rows()
    assert (run.status, run.attempt) == ("queued", 0)

    async def nothing(_: Run) -> None: ...

    shift.work = nothing
    await shift.work_off()
    (run,) = await shift.rows()
    assert (run.status, run.attempt) == ("succeeded", 1)
    assert "job_run.interrupted" in await shift.events()


@pytest.mark.any_database
async def test_a_disabled_job_has_no_slots_but_runs_when_asked(shift: Shift) -> None:
    await change(shift, is_enabled=False)
    await shift.pass_hours(3)
    await shift.work_off()
    assert await shift.rows() == []
    await request(shift)
    await shift.work_off()
    assert await shift.statuses() == ["succeeded"]
    await change(shift, is_enabled=True)
    await shift.work_off()
    assert len(await shift.rows()) == 1  # what was due meanwhile is nobody's
    await shift.pass_hours(1)
    await shift.work_off()
    assert await shift.statuses() == ["succeeded", "succeeded"]


async def change(shift: Shift, **changes: object) -> None:
    async with shift.world.work("main") as uow:
        await jobs.update_job(uow, name="test", changes=changes, expecting=lambda _: None)


async def _is(shift: Shift, status: str) -> bool:
    return await shift.statuses() == [RunStatus(status)]


async def _has_begun(shift: Shift, attempt: int) -> bool:
    return [(run.status, run.attempt) for run in await shift.rows()] == [("running", attempt)]
