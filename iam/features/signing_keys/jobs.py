"""Housekeeping of signing keys: what time alone brings."""

from typing import Final

from iam.features.signing_keys.service import advance_keys
from iam.jobs import Job, Run


async def advance(run: Run) -> None:
    """Activate a key that was published for long enough, and remove those that are done."""
    async with run.begin() as uow:
        await advance_keys(uow)


JOBS: Final = (
    Job(
        "advance-signing-keys",
        "Lets a prepared key sign once it is published for long enough, removes those that are done",
        "* * * * *",
        advance,
        is_quiet=True,
    ),
)
