"""Runs one job: takes its lease, and does what is due until nothing is left."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from iam.errors import IamError
from iam.features.job_runs import service as runs
from iam.features.job_runs.service import Outcome, Report, Terms
from iam.jobs import Job, Run
from iam.kit.spans import SpanKind
from iam.leases import Fence, LeaseLostError
from iam.models import JobRun, RunStatus
from iam.runtime import Runtime
from iam.work import Caller

FOLLOWED_EVERY: Final = 1.0
"""Seconds between looks at a run: to write its progress, and to see whether it shall end."""

_log = structlog.get_logger(__name__)


def lease_of(job: str) -> str:
    """The name of the lease that a job runs under."""
    return f"job/{job}"


async def work_off(runtime: Runtime, job: Job) -> None:
    """Do what is due of one job, unless another worker does. Raises `LeaseLostError`."""
    async with runtime.leases.hold(lease_of(job.name)) as fence:
        if fence is None:
            return
        while (row := await _next(runtime, job, fence)) is not None:
            run = Run(
                runtime, id=row.id, job=job.name, slot=row.slot, attempt=row.attempt, fence=fence
            )
            await _attempt(job, run)


async def _next(runtime: Runtime, job: Job, fence: Fence) -> JobRun | None:
    caller = Caller.of_job(
        job.name, account="main", partition=runtime.settings.partition, run_id=lease_of(job.name)
    )
    terms = _terms(job)
    has_more = True
    while has_more:
        async with runtime.begin(caller, fence=fence) as uow:
            has_more = await runs.settle(uow, terms)
    async with runtime.begin(caller, fence=fence) as uow:
        return await runs.begin_next(uow, terms, fence=fence, worker=runtime.leases.holder)


async def _attempt(job: Job, run: Run) -> None:
    """One attempt, from its first line to the last word about it."""
    try:
        outcome = await _outcome(job, run)
    except asyncio.CancelledError:
        # The process stops, or the lease is lost; then this is refused, and the next holder
        # finds the run without a worker.
        with suppress(IamError):
            async with run.begin() as uow:
                await runs.interrupt(uow, _terms(job), run.id)
        raise
    if outcome.status != RunStatus.SUCCEEDED or not job.is_quiet:
        _log.info("job_run_ended", job=job.name, run=run.id, status=outcome.status.value)
    async with run.begin() as uow:
        await runs.end(uow, _terms(job), run.id, outcome=outcome, report=_report(run))


async def _outcome(job: Job, run: Run) -> Outcome:
    work = asyncio.ensure_future(_traced(job, run))
    follower = asyncio.create_task(_follow(run, work))
    try:
        await asyncio.wait({work})
    finally:
        follower.cancel()
        work.cancel()
        await asyncio.gather(follower, work, return_exceptions=True)
    if work.cancelled():
        return Outcome(status=RunStatus.CANCELLED)
    error = work.exception()
    if error is not None:
        return _failure(job, run, error)
    if run.left_out is not None:
        return Outcome(status=RunStatus.INCOMPLETE, error_code="incomplete", error=run.left_out)
    return Outcome(status=RunStatus.SUCCEEDED)


async def _traced(job: Job, run: Run) -> None:
    with run.runtime.traced(f"job {job.name}", SpanKind.INTERNAL) as span:
        if span is not None:
            span.attributes["iam.job.run"] = run.id
        await job.run(run)


def _failure(job: Job, run: Run, error: BaseException) -> Outcome:
    if isinstance(error, LeaseLostError):
        raise error
    told = {"job": job.name, "run": run.id, "attempt": run.attempt}
    if isinstance(error, IamError):
        _log.warning("job_failed", **told, code=error.code)
        return Outcome(status=RunStatus.FAILED, error_code=error.code, error=error.message)
    # What an unforeseen exception says may hold anything; the log keeps where it came from.
    _log.error("job_failed", **told, exc_info=error)
    name = type(error).__name__
    return Outcome(status=RunStatus.FAILED, error_code="internal_error", error=name)


async def _follow(run: Run, work: "asyncio.Future[None]") -> None:
    """Write down how far the run is, and end it when somebody wants that."""
    while True:
        await asyncio.sleep(FOLLOWED_EVERY)
        try:
            async with run.begin() as uow:
                run.is_cancelled = await runs.note_progress(uow, run.id, _report(run))
        except IamError as error:  # the lease tells the job when it is lost
            _log.warning("progress_unwritten", job=run.job, run=run.id, code=error.code)
        if run.is_cancelled:
            work.cancel()
            return


def _terms(job: Job) -> Terms:
    return Terms(job=job.name, attempts=job.attempts, is_quiet=job.is_quiet)


def _report(run: Run) -> Report:
    return Report(done=run.done, total=run.total, text=run.text)
