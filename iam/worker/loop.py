"""Looks again and again for jobs that are due, and runs them beside each other."""

import asyncio
from collections.abc import Sequence

import structlog

from iam.errors import IamError
from iam.features.job_runs import service as runs
from iam.jobs import Job
from iam.leases import OUTAGES
from iam.runtime import Runtime
from iam.worker.runner import lease_of, work_off

_log = structlog.get_logger(__name__)


async def keep_schedule(runtime: Runtime, jobs: Sequence[Job]) -> None:
    """Run every job when it is due, until cancelled. A broken job spares the others."""
    settings = runtime.settings.jobs
    places = asyncio.Semaphore(settings.at_once)
    busy: dict[str, asyncio.Task[None]] = {}
    is_registered = False
    async with asyncio.TaskGroup() as group:
        while True:
            try:
                if not is_registered:
                    await _register(runtime, jobs)
                    is_registered = True
                ready = await _ready(runtime, jobs)
            except (IamError, *OUTAGES) as error:
                _log.warning("schedule_unread", error=type(error).__name__)
                ready = []
            for job in ready:
                if job.name not in busy or busy[job.name].done():
                    busy[job.name] = group.create_task(_work_off(runtime, job, places))
            await asyncio.sleep(settings.poll.total_seconds())


async def _register(runtime: Runtime, jobs: Sequence[Job]) -> None:
    known = [(job.name, job.description, job.schedule) for job in jobs]
    async with runtime.begin_as_root() as uow:
        await runs.register_jobs(uow, known)


async def _ready(runtime: Runtime, jobs: Sequence[Job]) -> list[Job]:
    """Of these jobs, those that there is something to do for and that nobody is at."""
    async with runtime.begin_as_root(read_only=True) as uow:
        names = await runs.ready_jobs(uow)
    ready = [job for job in jobs if job.name in names]
    taken = await runtime.leases.live([lease_of(job.name) for job in ready]) if ready else set()
    return [job for job in ready if lease_of(job.name) not in taken]


async def _work_off(runtime: Runtime, job: Job, places: asyncio.Semaphore) -> None:
    async with places:
        try:
            await work_off(runtime, job)
        except (IamError, *OUTAGES) as error:
            _log.warning("job_abandoned", job=job.name, error=type(error).__name__)
        except Exception:  # noqa: BLE001 -- one broken job must not end the others
            _log.exception("job_abandoned", job=job.name)
