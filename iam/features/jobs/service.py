"""What people do with jobs. They belong to the installation, so all are judged in `main`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import conflict, not_found
from iam.features.job_runs import queries as runs
from iam.features.job_runs.rules import parse_schedule
from iam.features.job_runs.service import schedule_of
from iam.features.jobs import queries
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import MAIN_ACCOUNT, Job, JobRun, RunStatus
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class JobView:
    """A job, and how it went last.

    Attributes:
        row: The job.
        last_run: Its newest run, whatever became of it.
    """

    row: Job
    last_run: JobRun | None

    @property
    def next_slot(self) -> datetime | None:
        """When it is due next; an instant that is past means that no worker is there."""
        return schedule_of(self.row).next(self.row.settled_until) if self.row.is_enabled else None


async def list_jobs(uow: UnitOfWork, *, limit: int, cursor: str | None = None) -> Page[JobView]:
    """One page of the jobs, by name."""
    await _authorize(uow, Action.LIST_JOBS, "*")
    page = await queries.list_jobs(uow, limit=limit, cursor=cursor)
    last = await runs.latest_runs(uow, [row.name for row in page.items])
    return Page([JobView(row, last.get(row.name)) for row in page.items], page.next_cursor)


async def get_job(uow: UnitOfWork, *, name: str) -> JobView:
    """The job of this name. Raises `not_found`."""
    return await _view(uow, await _authorized(uow, Action.GET_JOB, name))


async def update_job(
    uow: UnitOfWork, *, name: str, changes: Mapping[str, Any], expecting: VersionCheck
) -> JobView:
    """Change `schedule` (`None` is the default again), `time_zone` or `is_enabled` of a job.

    What was due before under the old schedule and has not begun is passed over. Raises `invalid`
    when the schedule or the time zone is none.
    """
    row = await _authorized(uow, Action.UPDATE_JOB, name)
    expecting(row.version)
    own = changes.get("schedule", row.own_schedule)
    zone = changes.get("time_zone", row.time_zone)
    is_enabled = changes.get("is_enabled", row.is_enabled)
    checked = parse_schedule(own or row.default_schedule, zone)
    wanted = (checked.expression if own else None, zone, is_enabled)
    if wanted != (row.own_schedule, row.time_zone, row.is_enabled):
        row.own_schedule, row.time_zone, row.is_enabled = wanted
        row.settled_until = max(row.settled_until, uow.now)
        row.updated_at = uow.now
        row.version += 1
        uow.emit(EventType.JOB_UPDATED, row)
        await uow.flush()
    return await _view(uow, row)


async def run_job(uow: UnitOfWork, *, name: str) -> JobRun:
    """Have a job run as soon as a worker is free; a run that waits already is the answer."""
    row = await _authorized(uow, Action.RUN_JOB, name)
    waiting = await runs.find_requested(uow, name)
    if waiting is not None:
        return waiting
    run = JobRun(
        id=new_id(IdKind.JOB_RUN, uow.now),
        job=row.name,
        status=RunStatus.QUEUED,
        requested_by=uow.caller.arn,
        created_at=uow.now,
        not_before=uow.now,
    )
    uow.add(run)
    uow.emit(EventType.JOB_RUN_REQUESTED, run, run=run.id)
    await uow.flush()
    return run


async def list_runs(
    uow: UnitOfWork,
    *,
    name: str,
    status: RunStatus | None = None,
    limit: int,
    cursor: str | None = None,
) -> Page[JobRun]:
    """One page of the runs of a job, newest first."""
    await _authorized(uow, Action.LIST_JOB_RUNS, name)
    return await runs.list_runs(uow, name, status=status, limit=limit, cursor=cursor)


async def get_run(uow: UnitOfWork, *, name: str, run_id: str) -> JobRun:
    """A run of a job. Raises `not_found`."""
    await _authorized(uow, Action.GET_JOB_RUN, name)
    return await _run(uow, name, run_id)


async def cancel_run(uow: UnitOfWork, *, name: str, run_id: str) -> JobRun:
    """End a run: at once while it waits, within seconds while it runs; again changes nothing.

    Raises `conflict` when it is over.
    """
    await _authorized(uow, Action.CANCEL_JOB_RUN, name)
    run = await _run(uow, name, run_id)
    if RunStatus(run.status).is_final:
        raise conflict("run_is_over", f"the run is over: {run.status}")
    if run.status == RunStatus.QUEUED:
        run.status, run.finished_at = RunStatus.CANCELLED, uow.now
        uow.emit(EventType.JOB_RUN_CANCELLED, run, run=run.id)
    elif run.cancel_requested_by is None:
        uow.emit(EventType.JOB_RUN_CANCEL_REQUESTED, run, run=run.id)
    run.cancel_requested_by = run.cancel_requested_by or uow.caller.arn
    await uow.flush()
    return run


async def _view(uow: UnitOfWork, row: Job) -> JobView:
    return JobView(row, (await runs.latest_runs(uow, [row.name])).get(row.name))


async def _run(uow: UnitOfWork, name: str, run_id: str) -> JobRun:
    run = await runs.find_run(uow, name, run_id)
    if run is None:
        raise not_found("not_found", f"job `{name}` has no run `{run_id[:64]}`")
    return run


async def _authorized(uow: UnitOfWork, action: Action, name: str) -> Job:
    await _authorize(uow, action, name[:64])
    row = await runs.find_job(uow, name) if name.isprintable() else None
    if row is None:
        raise not_found("not_found", f"there is no job `{name[:64]}`")
    return row


async def _authorize(uow: UnitOfWork, action: Action, name: str) -> None:
    await authorize(uow, action, uow.arn_of("iam", MAIN_ACCOUNT, f"job/{name}"))
