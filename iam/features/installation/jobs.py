"""Housekeeping of what the journal and the API keep for a while only."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete

from iam.jobs import Job, Run
from iam.models import Change, IdempotencyRecord

CHANGES_KEPT: Final = timedelta(hours=1)
"""A replica that has not read the change log for seconds forgets its snapshots anyway."""


async def prune(run: Run) -> None:
    """Remove changes that every replica has read, and answers kept for retries long past."""
    async with run.begin() as uow:
        await uow.see_all_accounts()
        await uow.remove(delete(Change).where(Change.changed_at < uow.now - CHANGES_KEPT))
        await uow.remove(delete(IdempotencyRecord).where(IdempotencyRecord.expires_at < uow.now))


JOBS: Final = (
    Job(
        "prune-journal",
        "Removes change-log rows that every replica has read, and answers kept for retries",
        "*/10 * * * *",
        prune,
        is_quiet=True,
    ),
)
