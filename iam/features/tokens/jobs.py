"""Housekeeping of the ledger: rows that nobody can need any more leave, in small batches.

A token's row stays for 30 days after the token has ended, because it is evidence; a used one-time
id stays until whatever carried it is refused for its age.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from iam.models import IssuedToken, OneTimeId
from iam.runtime import Runtime
from iam.work import UnitOfWork

KEPT_AFTER_EXPIRY: Final = timedelta(days=30)
BATCH: Final = 1000


async def prune(runtime: Runtime) -> None:
    """Remove what is over, a batch in each transaction, so that no request waits for long."""
    for remove in (_ended_tokens, _spent_ids):
        while True:
            async with runtime.begin_as_root() as uow:
                await uow.see_all_accounts()
                removed = await remove(uow)
            if removed < BATCH:
                break


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
