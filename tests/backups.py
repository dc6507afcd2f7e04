"""What tests of backups share: a recovery key that counts, and a backup of a world."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from iam.features.backup.service import create_backup
from iam.features.recovery.rules import RecoveryCopy
from iam.features.recovery.service import add_recipient, confirm_recipient
from iam.kit.age import Identity, decrypt
from iam.models import Backup
from iam.work import UnitOfWork
from tests.world import World


async def give_recovery_key(world: World) -> Identity:
    """A recovery key whose holder has shown that it opens."""
    identity = Identity.new()
    async with world.work() as uow:
        copy = await add_recipient(uow, recipient=str(identity.recipient))
    opened = RecoveryCopy.parse(decrypt(copy.encode(), [identity]))
    async with world.work() as uow:
        await confirm_recipient(uow, code=opened.confirmation)
    return identity


async def back_up(world: World, directory: Path) -> Backup:
    """A backup of the world as it is now."""

    def begin() -> AbstractAsyncContextManager[UnitOfWork]:
        return world.runtime.begin_as_root()

    return await create_backup(world.runtime.tools, begin, directory=directory / "backups")
