"""Listing jobs."""

from sqlalchemy import select

from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import Job
from iam.work import UnitOfWork


async def list_jobs(uow: UnitOfWork, *, limit: int, cursor: str | None) -> Page[Job]:
    """One page of the jobs, by name."""
    scope = framed("jobs")
    query = select(Job).order_by(Job.name).limit(limit + 1)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Job.name > last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.name], scope=scope))
