"""Housekeeping: denied questions are kept for a week after they were last asked."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from iam.models import DeniedQuestion
from iam.runtime import Runtime

KEPT: Final = timedelta(days=7)
BATCH: Final = 1_000


async def prune(runtime: Runtime) -> None:
    """Remove what is over, a batch in each transaction, so that no request waits for long."""
    removed = BATCH
    while removed == BATCH:
        async with runtime.begin_as_root() as uow:
            await uow.see_all_accounts()
            over = (
                select(DeniedQuestion.question_key)
                .where(DeniedQuestion.last_at < uow.now - KEPT)
                .limit(BATCH)
            )
            removed = await uow.remove(
                delete(DeniedQuestion).where(DeniedQuestion.question_key.in_(over))
            )
