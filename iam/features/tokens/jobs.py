"""Housekeeping of the ledger: rows that nobody can need any more leave, in small batches.

A token's row stays for 30 days after the token has ended, because it is evidence; a used one-time
id stays until whatever carried it is refused for its age.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from iam.jobs import Job, Run
from iam.models import IssuedToken, OneTimeId
from iam.work import UnitOfWork

KEPT_AFTER_EXPIRY: Final = timedelta(days=30)
BATCH: Final = 1000


async def prune_tokens(run: Run) -> None:
    """Remove ledger rows of tokens that ended 30 days ago."""
    await _prune(run, _ended_tokens)


async def prune_one_time_ids(run: Run) -> None:
    """Remove one-time ids that nothing could use any more anyway."""
    await _prune(run, _spent_ids)


async def _prune(run: Run, remove: Callable[[UnitOfWork], Awaitable[int]]) -> None:
    """A batch in each transaction, so that no request waits for long."""
    removed = BATCH
    while removed >= BATCH:
        async with run.begin() as uow:
            await uow.see_all_accounts()
            removed = await remove(uow)
        run.progress(run.done + removed)


async def _ended_tokens(uow: UnitOfWork) -> int:
    over = (
        select(IssuedToken.jti)
        .where(IssuedToken.expires_at < uow.now - KEPT_AFTER_EXPIRY)
        .limit(BATCH)
    )
    return await uow.remove(delete(IssuedToken).where(IssuedToken.jti.in_(over)))


async def _spent_ids(uow: UnitOfWork) -> int:
    # Ids are unique within their kind; a batch may take an equal id of another kind along only
    # when that has expired too.
    over = select(OneTimeId.id).where(OneTimeId.expires_at < uow.now).limit(BATCH)
    return await uow.remove(
        delete(OneTimeId).where(OneTimeId.id.in_(over), OneTimeId.expires_at < uow.now)
    )


JOBS: Final = (
    Job(
        "prune-tokens",
        "Removes ledger rows of tokens that ended 30 days ago",
        "20 * * * *",
        prune_tokens,
    ),
    Job(
        "prune-one-time-ids",
        "Removes one-time ids of what is refused for its age by now",
        "*/10 * * * *",
        prune_one_time_ids,
        is_quiet=True,
    ),
)
