"""Housekeeping of what the journal and the API keep for a while only."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete

from iam.models import Change, IdempotencyRecord
from iam.runtime import Runtime

CHANGES_KEPT: Final = timedelta(hours=1)
"""A replica that has not read the change log for seconds forgets its snapshots anyway."""


async def prune(runtime: Runtime) -> None:
    """Remove changes that every replica has read, and answers kept for retries long past."""
    async with runtime.begin_as_root() as uow:
        await uow.see_all_accounts()
        await uow.remove(delete(Change).where(Change.changed_at < uow.now - CHANGES_KEPT))
        await uow.remove(delete(IdempotencyRecord).where(IdempotencyRecord.expires_at < uow.now))
