"""What time brings to backups: a new one, and the proof that it comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from iam.errors import IamError
from iam.jobs import Job, Run


async def create(run: Run) -> None:
    """Back up the database, and let the oldest go."""
    # Not at the top: a start shall not wait for what makes backups.
    from iam.features.backup.service import create_backup, prune_backups

    settings = run.runtime.settings
    directory = settings.backup_directory
    try:
        await create_backup(run.runtime.tools, run.begin, directory=directory, told=_teller(run))
    except IamError as error:
        if error.code != "recovery_unconfirmed":
            raise
        # Nobody has set it up yet: no failure that is to be tried again in ten seconds.
        run.incomplete(error.message)
        return
    async with run.begin() as uow:
        gone = await prune_backups(uow, directory=directory, keep=settings.backup.keep)
    for path in gone:
        path.unlink(missing_ok=True)


async def verify(run: Run) -> None:
    """Restore the newest backup into a scratch database."""
    from iam.features.backup.queries import list_backups
    from iam.features.backup.service import note_verified, verify_backup

    async with run.begin(read_only=True) as uow:
        found = await list_backups(uow)
    if not found:
        run.incomplete("there is no backup yet")
        return
    newest = found[0]
    await verify_backup(
        run.runtime.tools.sealer,
        path=Path(newest.path),
        scratch=run.runtime.settings.backup_directory,
        told=_teller(run),
    )
    async with run.begin() as uow:
        await note_verified(uow, id=newest.id)


def _teller(run: Run) -> Callable[[int, str], None]:
    return lambda done, table: run.progress(done, text=table)


JOBS: Final = (
    Job(
        "create-backup",
        "Backs up the database into the backup directory, and removes the oldest backups there",
        "17 2 * * *",
        create,
    ),
    Job(
        "verify-backup",
        "Restores the newest backup into a scratch database, and opens all that is sealed in it",
        "47 3 * * 0",
        verify,
    ),
)
