"""Housekeeping: denied questions are kept for a week after they were last asked."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from iam.jobs import Job, Run
from iam.models import DeniedQuestion

KEPT: Final = timedelta(days=7)
BATCH: Final = 1_000


async def prune(run: Run) -> None:
    """Remove what is over, a batch in each transaction, so that no request waits for long."""
    removed = BATCH
    while removed == BATCH:
        async with run.begin() as uow:
            await uow.see_all_accounts()
            over = (
                select(DeniedQuestion.question_key)
                .where(DeniedQuestion.last_at < uow.now - KEPT)
                .limit(BATCH)
            )
            removed = await uow.remove(
                delete(DeniedQuestion).where(DeniedQuestion.question_key.in_(over))
            )
        run.progress(run.done + removed)


JOBS: Final = (
    Job(
        "prune-denied-questions",
        "Removes denied questions that nobody has asked for a week",
        "40 * * * *",
        prune,
        is_quiet=True,
    ),
)
