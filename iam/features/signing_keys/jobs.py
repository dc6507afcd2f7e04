"""Housekeeping of signing keys: what time alone brings."""

from typing import Final

from iam.features.signing_keys.service import advance_keys, rotate_old_keys
from iam.jobs import Job, Run


async def advance(run: Run) -> None:
    """Activate a key that was published for long enough, and remove those that are done."""
    async with run.begin() as uow:
        await advance_keys(uow)


async def rotate(run: Run) -> None:
    """Prepare the next key when the active one has signed for nearly long enough."""
    async with run.begin() as uow:
        await rotate_old_keys(uow)


JOBS: Final = (
    Job(
        "advance-signing-keys",
        "Lets a prepared key sign once clients have had time to see it; removes old ones",
        "* * * * *",
        advance,
        is_quiet=True,
    ),
    Job(
        "rotate-signing-keys",
        "Prepares the next signing key before the active one is too old",
        "10 3 * * *",
        rotate,
    ),
)
