"""JSON API of jobs. Only principals of `main` may."""

from iam.authz.actions import Action
from iam.features.jobs import service
from iam.features.jobs.schemas import JobOut, JobPatch, JobRunOut
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam.models import RunStatus

router = ApiRouter(tag="jobs")


@router.get("/jobs", action=Action.LIST_JOBS)
async def list_jobs(work: Work, limit: Limit = DEFAULT, cursor: Cursor = None) -> PageOut[JobOut]:
    """List jobs by name, each with its next slot and its last run."""
    page = await service.list_jobs(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda view: JobOut.of(work.uow, view))


@router.get("/jobs/{job}", action=Action.GET_JOB)
async def get_job(work: Work, job: str) -> JobOut:
    """Read a job."""
    return JobOut.of(work.uow, await service.get_job(work.uow, name=job))


@router.patch("/jobs/{job}", action=Action.UPDATE_JOB)
async def update_job(work: Work, job: str, body: JobPatch) -> JobOut:
    """Change when a job runs, and whether. Send `If-Match`."""
    view = await service.update_job(
        work.uow,
        name=job,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return JobOut.of(work.uow, view)


@router.post("/jobs/{job}:run", action=Action.RUN_JOB, status_code=201)
async def run_job(work: Work, job: str) -> JobRunOut:
    """Have a job run as soon as a worker is free; one that waits already is the answer."""
    run = await service.run_job(work.uow, name=job)
    work.location = f"/v1/jobs/{run.job}/runs/{run.id}"
    return JobRunOut.of(run)


@router.get("/jobs/{job}/runs", action=Action.LIST_JOB_RUNS)
async def list_job_runs(
    work: Work,
    job: str,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    status: RunStatus | None = None,
) -> PageOut[JobRunOut]:
    """List the runs of a job, newest first."""
    page = await service.list_runs(work.uow, name=job, status=status, limit=limit, cursor=cursor)
    return page_out(page, JobRunOut.of)


@router.get("/jobs/{job}/runs/{run}", action=Action.GET_JOB_RUN)
async def get_job_run(work: Work, job: str, run: str) -> JobRunOut:
    """Read a run, with its progress."""
    return JobRunOut.of(await service.get_run(work.uow, name=job, run_id=run))


@router.post(
    "/jobs/{job}/runs/{run}:cancel", action=Action.CANCEL_JOB_RUN, example={"status": "cancelled"}
)
async def cancel_job_run(work: Work, job: str, run: str) -> JobRunOut:
    """End a run: at once while it waits, within seconds while it runs."""
    return JobRunOut.of(await service.cancel_run(work.uow, name=job, run_id=run))
