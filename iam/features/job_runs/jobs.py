"""Housekeeping: runs are kept for 30 days, and the newest of each job for good."""

from typing import Final

from sqlalchemy import delete, func, select

from iam.features.job_runs.rules import KEPT
from iam.jobs import Job, Run
from iam.models import JobRun

BATCH: Final = 1_000


async def prune(run: Run) -> None:
    """Remove runs that are long over, a batch in each transaction."""
    removed = BATCH
    while removed == BATCH:
        async with run.begin() as uow:
            newest = select(func.max(JobRun.id)).group_by(JobRun.job)
            over = (
                select(JobRun.id)
                .where(JobRun.finished_at < uow.now - KEPT, JobRun.id.not_in(newest))
                .limit(BATCH)
            )
            removed = await uow.remove(delete(JobRun).where(JobRun.id.in_(over)))
        run.progress(run.done + removed)


JOBS: Final = (
    Job(
        "prune-job-runs",
        "Removes runs of jobs that ended 30 days ago",
        "50 2 * * *",
        prune,
    ),
)
