"""The life of a run, step by step: due, begun, on its way, ended.

Everything but `register_jobs` and `ready_jobs` is for who holds the lease of the job, in a unit of
work with its fence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import update

from iam.features.job_runs import queries
from iam.features.job_runs.rules import Due, Schedule, due, parse_schedule, pause_before
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.metrics import Family
from iam.leases import Fence
from iam.models import MAIN_ACCOUNT, Job, JobRun, RunStatus
from iam.work import UnitOfWork

_EVENTS: Final = {
    RunStatus.SUCCEEDED: EventType.JOB_RUN_SUCCEEDED,
    RunStatus.INCOMPLETE: EventType.JOB_RUN_INCOMPLETE,
    RunStatus.FAILED: EventType.JOB_RUN_FAILED,
    RunStatus.CANCELLED: EventType.JOB_RUN_CANCELLED,
    RunStatus.LOST: EventType.JOB_RUN_LOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for the runs of a job; see `iam.jobs.Job`."""

    job: str
    attempts: int
    is_quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a run is, or was when it ended.

    Attributes:
        done: What is done, in units of the job's own.
        total: How many there are, if known.
        text: What it is about, for people.
    """

    done: int
    total: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        status: `succeeded`, `incomplete`, `failed` or `cancelled`.
        error_code: What went wrong, or was left out; a stable name.
        error: The same for people.
    """

    status: RunStatus
    error_code: str | None = None
    error: str | None = None


async def register_jobs(uow: UnitOfWork, known: Iterable[tuple[str, str, str]]) -> None:
    """Have a row for each known job: name, description, default schedule.

    Rows of jobs that are not known stay: a newer release may know them. A new job is due for the
    first time at its next slot.
    """
    await uow.hold_account(MAIN_ACCOUNT)  # of workers that start together, one makes them
    present = {row.name: row for row in await queries.all_jobs(uow)}
    for name, description, expression in known:
        row, schedule = present.get(name), parse_schedule(expression).expression
        if row is None:
            row = _new_job(uow, name, description, schedule)
            uow.emit(EventType.JOB_CREATED, row)
        elif (row.description, row.default_schedule) != (description, schedule):
            row.description, row.default_schedule = description, schedule
            row.updated_at, row.version = uow.now, row.version + 1
            uow.emit(EventType.JOB_UPDATED, row)


async def ready_jobs(uow: UnitOfWork) -> set[str]:
    """The jobs that there is something to do for, whoever may be doing it already."""
    return await queries.jobs_under_way(uow) | {
        row.name for row in await queries.all_jobs(uow) if _is_due(row, uow.now)
    }


async def settle(uow: UnitOfWork, terms: Terms) -> bool:
    """Account for what was before: attempts without a worker, slots that have come since.

    Returns whether there are more slots than one transaction settles: settle again.
    """
    job = await queries.find_job(uow, terms.job)
    if job is None:  # pragma: no cover -- workers register their jobs first
        raise RuntimeError(f"job {terms.job} is not registered")
    for run in await queries.running(uow, terms.job):
        await _lose(uow, run, terms)
    if not job.is_enabled:
        return False
    found = due(schedule_of(job), settled_until=job.settled_until, now=uow.now)
    job.settled_until = found.settled_until
    _add_slots(uow, job, found)
    await uow.flush()
    return bool(found.missed) and found.run is None


async def begin_next(uow: UnitOfWork, terms: Terms, *, fence: Fence, worker: str) -> JobRun | None:
    """Begin the next attempt that is waiting; `None` when there is nothing to do now."""
    run = await queries.next_queued(uow, terms.job)
    if run is None:
        return None
    run.status = RunStatus.RUNNING
    run.attempt += 1
    run.fence, run.worker = fence.token, worker
    run.started_at, run.finished_at = uow.now, None
    run.progress_done, run.progress_total, run.progress_text = 0, None, ""
    run.error_code = run.error = None
    if not terms.is_quiet:
        _tell(uow, EventType.JOB_RUN_STARTED, run)
    await uow.flush()
    return run


async def note_progress(uow: UnitOfWork, run_id: str, report: Report) -> bool:
    """Write down how far a run is; returns whether somebody wants it to end."""
    result = await uow.execute(
        update(JobRun)
        .where(JobRun.id == run_id)
        .values(_columns(report))
        .returning(JobRun.cancel_requested_by)
    )
    return result.scalar_one_or_none() is not None


async def end(
    uow: UnitOfWork, terms: Terms, run_id: str, *, outcome: Outcome, report: Report
) -> None:
    """End an attempt; what has failed and has an attempt left waits for it."""
    run = await _attempt(uow, terms, run_id)
    for name, value in _columns(report).items():
        setattr(run, name, value)
    run.error_code, run.error = outcome.error_code, outcome.error
    if outcome.status == RunStatus.FAILED and run.attempt < terms.attempts:
        _requeue(uow, run, at=uow.now + pause_before(run.attempt + 1))
    else:
        run.status, run.finished_at = outcome.status, uow.now
    if outcome.status != RunStatus.SUCCEEDED or not terms.is_quiet:
        _tell(uow, _EVENTS[outcome.status], run)
    await uow.flush()


async def interrupt(uow: UnitOfWork, terms: Terms, run_id: str) -> None:
    """Give a run back because its worker stops; that was no attempt, and another may begin now."""
    run = await _attempt(uow, terms, run_id)
    _tell(uow, EventType.JOB_RUN_INTERRUPTED, run)
    run.attempt -= 1
    _requeue(uow, run, at=uow.now)
    await uow.flush()


def schedule_of(row: Job) -> Schedule:
    """The schedule that holds for a job now."""
    return Schedule(row.schedule, row.time_zone)


def _is_due(row: Job, now: datetime) -> bool:
    slot = schedule_of(row).next(row.settled_until) if row.is_enabled else None
    return slot is not None and slot <= now


def _new_job(uow: UnitOfWork, name: str, description: str, schedule: str) -> Job:
    row = Job(
        name=name,
        description=description,
        default_schedule=schedule,
        settled_until=uow.now,
        created_at=uow.now,
        updated_at=uow.now,
    )
    uow.add(row)
    return row


def _add_slots(uow: UnitOfWork, job: Job, found: Due) -> None:
    for slot in found.missed:
        uow.add(_new_run(uow, job, slot, RunStatus.MISSED))
    if found.missed:
        uow.emit(
            EventType.JOB_RUN_MISSED,
            job,
            slots=len(found.missed),
            first=_text(found.missed[0]),
            last=_text(found.missed[-1]),
        )
    if found.run is not None:
        uow.add(_new_run(uow, job, found.run, RunStatus.QUEUED))


def _new_run(uow: UnitOfWork, job: Job, slot: datetime, status: RunStatus) -> JobRun:
    return JobRun(
        id=new_id(IdKind.JOB_RUN, uow.now),
        job=job.name,
        slot=slot,
        status=status,
        created_at=uow.now,
        not_before=uow.now,
        finished_at=uow.now if status.is_final else None,
    )


async def _lose(uow: UnitOfWork, run: JobRun, terms: Terms) -> None:
    """A run whose lease came to us has no worker any more."""
    _tell(uow, EventType.JOB_RUN_LOST, run)
    run.error_code, run.error = "worker_lost", f"worker `{run.worker}` is gone"
    if run.attempt < terms.attempts:
        _requeue(uow, run, at=uow.now)
    else:
        run.status, run.finished_at = RunStatus.LOST, uow.now


def _requeue(uow: UnitOfWork, run: JobRun, *, at: datetime) -> None:
    if run.cancel_requested_by is not None:
        run.status, run.finished_at = RunStatus.CANCELLED, uow.now
    else:
        run.status, run.not_before = RunStatus.QUEUED, at


async def _attempt(uow: UnitOfWork, terms: Terms, run_id: str) -> JobRun:
    run = await queries.find_run(uow, terms.job, run_id)
    if run is None:  # pragma: no cover -- a run that is under way is never removed
        raise RuntimeError(f"run {run_id} is gone")
    return run


def _tell(uow: UnitOfWork, event: EventType, run: JobRun) -> None:
    told: dict[str, Any] = {
        "run": run.id,
        "slot": _text(run.slot) if run.slot is not None else None,
        "attempt": run.attempt,
        "worker": run.worker,
        "error_code": run.error_code,
    }
    uow.emit(event, run, **{name: value for name, value in told.items() if value is not None})


def _columns(report: Report) -> dict[str, int | str | None]:
    return {
        "progress_done": report.done,
        "progress_total": report.total,
        "progress_text": report.text[:200],
    }


def _text(slot: datetime) -> str:
    return slot.isoformat().replace("+00:00", "Z")


async def measure(uow: UnitOfWork) -> list[Family]:
    """How the jobs go, for the metrics."""
    good = await queries.ended_runs(uow, succeeded=True)
    last = await queries.ended_runs(uow, succeeded=False)
    return [
        _of_jobs(
            "iam_job_last_success_timestamp_seconds",
            "When the job last succeeded, in seconds since 1970.",
            {name: run.finished_at.timestamp() for name, run in good.items() if run.finished_at},
        ),
        _of_jobs(
            "iam_job_last_duration_seconds",
            "How long the last run of the job took that came to an end.",
            {
                name: (run.finished_at - run.started_at).total_seconds()
                for name, run in last.items()
                if run.finished_at and run.started_at
            },
        ),
        _of_jobs(
            "iam_job_last_run_failed",
            "1 if the last run of the job that came to an end did not succeed.",
            {name: float(run.status != RunStatus.SUCCEEDED) for name, run in last.items()},
        ),
    ]


def _of_jobs(name: str, text: str, values: Mapping[str, float]) -> Family:
    samples = [((job,), value) for job, value in sorted(values.items())]
    return Family(name, text, "gauge", ("job",), samples)
