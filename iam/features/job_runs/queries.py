"""Finding runs. Who may write locks what it finds: others who would change it wait."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Job, JobRun, RunStatus
from iam.work import UnitOfWork

_ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


async def all_jobs(uow: UnitOfWork) -> Sequence[Job]:
    """Every job: there are a few dozen."""
    return (await uow.scalars(select(Job).order_by(Job.name))).all()


async def find_job(uow: UnitOfWork, name: str) -> Job | None:
    """The job of this name."""
    found: Job | None = await uow.scalar(_locked(uow, select(Job).where(Job.name == name)))
    return found


async def find_run(uow: UnitOfWork, job: str, run_id: str) -> JobRun | None:
    """A run of a job."""
    query = select(JobRun).where(JobRun.job == job, JobRun.id == run_id)
    found: JobRun | None = await uow.scalar(_locked(uow, query))
    return found


async def latest_runs(uow: UnitOfWork, jobs: Iterable[str]) -> Mapping[str, JobRun]:
    """The newest run of each of these jobs that has one."""
    # One look into the index for each job: a `max` for each would read the runs of a month.
    newest = (
        select(JobRun.id)
        .where(JobRun.job == Job.name)
        .order_by(JobRun.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ids = select(newest).select_from(Job).where(Job.name.in_(list(jobs)))
    rows = await uow.scalars(select(JobRun).where(JobRun.id.in_(ids)))
    return {row.job: row for row in rows}


async def list_runs(
    uow: UnitOfWork, job: str, *, status: str | None, limit: int, cursor: str | None
) -> Page[JobRun]:
    """One page of the runs of a job, newest first."""
    scope = framed("job-runs", job, status or "")
    query = select(JobRun).where(JobRun.job == job).order_by(JobRun.id.desc()).limit(limit + 1)
    if status is not None:
        query = query.where(JobRun.status == status)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(JobRun.id < last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))


async def find_requested(uow: UnitOfWork, job: str) -> JobRun | None:
    """The run of a job that somebody asked for and that has not begun."""
    query = select(JobRun).where(
        JobRun.job == job, JobRun.slot.is_(None), JobRun.status == RunStatus.QUEUED
    )
    found: JobRun | None = await uow.scalar(query.order_by(JobRun.id).limit(1))
    return found


async def running(uow: UnitOfWork, job: str) -> Sequence[JobRun]:
    """The runs of a job that have begun and not ended."""
    query = select(JobRun).where(JobRun.job == job, JobRun.status == RunStatus.RUNNING)
    return (await uow.scalars(_locked(uow, query))).all()


async def next_queued(uow: UnitOfWork, job: str) -> JobRun | None:
    """The run of a job that is to begin now, if any."""
    query = (
        select(JobRun)
        .where(JobRun.job == job, JobRun.status == RunStatus.QUEUED, JobRun.not_before <= uow.now)
        .order_by(JobRun.not_before, JobRun.id)
        .limit(1)
    )
    found: JobRun | None = await uow.scalar(_locked(uow, query))
    return found


async def jobs_under_way(uow: UnitOfWork) -> set[str]:
    """The jobs with a run that is to begin now, or has begun."""
    query = select(JobRun.job).where(JobRun.status.in_(_ACTIVE), JobRun.not_before <= uow.now)
    return set(await uow.scalars(query.distinct()))


def _locked(uow: UnitOfWork, query: Select[Any]) -> Select[Any]:
    if uow.read_only:
        return query
    return query.with_for_update().execution_options(populate_existing=True)


async def ended_runs(uow: UnitOfWork, *, succeeded: bool) -> Mapping[str, JobRun]:
    """The newest run of each job that came to an end, or to a good one."""
    ends = [RunStatus.SUCCEEDED] if succeeded else [each for each in RunStatus if each.is_final]
    newest = (
        select(JobRun.id)
        .where(JobRun.job == Job.name, JobRun.status.in_(ends), JobRun.started_at.is_not(None))
        .order_by(JobRun.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await uow.scalars(select(JobRun).where(JobRun.id.in_(select(newest).select_from(Job))))
    return {row.job: row for row in rows}
