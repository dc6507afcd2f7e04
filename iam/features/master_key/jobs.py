"""What follows when another master key seals."""

from typing import Final

from iam.features.master_key.service import is_rotation_under_way, reseal
from iam.jobs import Job, Run


async def seal_anew(run: Run) -> None:
    """Seal with the active key what another has sealed, as long as one is to be retired."""
    async with run.begin(read_only=True) as uow:
        if not await is_rotation_under_way(uow):
            return
    unreadable = await reseal(run.begin, told=run.progress)
    if unreadable:
        run.incomplete(f"{len(unreadable)} values do not open, such as {unreadable[0]}")


JOBS: Final = (
    Job(
        "reseal-secrets",
        "After a rotation of the master key, seals what is stored with the new one",
        "* * * * *",
        seal_anew,
        is_quiet=True,
    ),
)
