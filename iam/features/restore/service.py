"""Use cases of restores: put a backup in the place of a database, and make it safe to serve."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from iam.errors import conflict, invalid, unavailable
from iam.features.backup import service as backups
from iam.features.backup.rules import Header, total
from iam.features.backup.service import OpenBackup, Told, quiet
from iam.features.master_key import service as master_key
from iam.features.restore import queries, rules
from iam.features.restore.queries import Present
from iam.features.signing_keys.service import replace_keys
from iam.journal.events import EventType
from iam.kit import schema
from iam.kit.database import Database
from iam.kit.ids import IdKind, new_id
from iam.kit.sealing import Sealer
from iam.models import CredentialStatus, Installation, Principal, Restore
from iam.work import Tools, UnitOfWork

Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Begins a unit of work of the root of `main`, which nothing keeps from locking everybody out."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done.

    Attributes:
        header: What the backup says of itself.
        rows: How many came back.
        restore_epoch: The new one.
        quarantined: How many credentials have to be reactivated, or made anew.
    """

    header: Header
    rows: int
    restore_epoch: int
    quarantined: int


async def look_at(database: Database) -> Present:
    """What is in the database that a backup shall replace. Raises `conflict` while others use it.

    Of a SQLite database the lock on its file says whether anybody does.
    """
    try:
        async with database.connect(writes=False) as connection:
            others = 0 if database.is_sqlite else await queries.count_other_sessions(connection)
            if others:
                message = (
                    f"{others} connections of other servers or workers use this database: "
                    "stop them first, they would go on with what they remember"
                )
                raise conflict("database_in_use", message, connections=others)
            return await queries.read_present(connection)
    except DBAPIError as error:
        if not database.is_sqlite:
            raise unavailable("database_unavailable", "the database does not answer") from error
        return Present(is_empty=False)  # a damaged file is why somebody restores


def check_replaceable(present: Present, header: Header, *, replaces: bool) -> None:
    """Return if the backup may take the place of what is there. Raises `IamError` (conflict)."""
    if not present.is_empty and not replaces:
        message = (
            "the database is not empty; what is in it would be lost. Say `--replace` if that is "
            "meant, or set IAM_DATABASE_URL or IAM_DATA_DIR to an empty one"
        )
        raise conflict("database_not_empty", message)
    if present.installation and present.installation != header.installation:
        message = (
            f"the database is of another installation ({present.installation}) than the backup "
            f"({header.installation}); restore it into an empty database"
        )
        raise conflict("other_installation", message)


async def restore(
    tools: Tools,
    begin: Begin,
    backup: OpenBackup,
    *,
    present: Present,
    accepts_secrets: bool = False,
    told: Told = quiet,
) -> Restored:
    """Fill the database from a backup, bring its schema up to date, and make it safe to serve.

    Args:
        tools: The database that is filled; everything in it goes first.
        begin: Begins a unit of work on it.
        backup: What with.
        present: What it takes the place of.
        accepts_secrets: Whether credentials that were revoked since may come back.
        told: Is told of the progress.

    Raises `IamError`; the database is then as it was, or refuses to be served until a restore has
    come to its end.
    """
    mark = _mark(backup.header, tools.clock.now())
    is_full = not present.is_empty and not tools.database.is_sqlite
    counts = await backups.load(tools.database, backup, replaces=is_full, told=told, finish=mark)
    await schema.upgrade(tools.database)
    async with tools.database.connect(writes=False) as connection:
        await _refuse_unreadable(connection, tools.sealer)
    async with begin() as uow:
        epoch, quarantined = await _make_safe(
            uow, backup.header, present, accepts_secrets=accepts_secrets
        )
    return Restored(backup.header, total(counts), epoch, quarantined)


async def _make_safe(
    uow: UnitOfWork, header: Header, present: Present, *, accepts_secrets: bool
) -> tuple[int, int]:
    """See to it that nothing comes back that has ended since the backup (F-24)."""
    await uow.see_all_accounts()
    installation = await uow.get(Installation, 1)
    if installation is None:
        raise invalid("backup_malformed", "the backup holds no installation")
    # A backup holds what was made under the keys of its time, and they are needed from here on.
    await master_key.ensure_master_key(uow, installation)
    quarantined = 0 if accepts_secrets else await _quarantine(uow)
    installation.restore_epoch = rules.next_epoch(
        [installation.restore_epoch, present.restore_epoch], now=uow.now
    )
    uow.emit(
        EventType.INSTALLATION_RESTORED,
        installation,
        backup=header.id,
        backup_created_at=header.created_at,
        heads={"backup": dict(header.audit_head), "replaced": present.audit_head},
        credentials="accepted" if accepts_secrets else f"{quarantined} quarantined",
    )
    await replace_keys(uow)
    (row,) = (await uow.scalars(queries.unfinished())).all()
    row.finished_at = uow.now
    return installation.restore_epoch, quarantined


async def _quarantine(uow: UnitOfWork) -> int:
    """Put every credential out of use: which of them were revoked since, nobody here knows."""
    rows = await queries.active_credentials(uow)
    for row in rows:
        holder = await uow.get(Principal, row.principal_id)
        row.status = CredentialStatus.QUARANTINED
        uow.emit(
            EventType.CREDENTIAL_QUARANTINED,
            row,
            holder=uow.arn(holder) if holder is not None else row.principal_id,
        )
    return len(rows)


def _mark(header: Header, now: datetime) -> Callable[[AsyncConnection], Any]:
    """Has no server start on the database before the restore has come to its end."""

    async def mark(connection: AsyncConnection) -> None:
        values = {
            "id": new_id(IdKind.RESTORE, now),
            "backup_id": header.id,
            "backup_created_at": datetime.fromisoformat(header.created_at),
            "began_at": now,
        }
        await connection.execute(insert(Restore).values(values))

    return mark


async def _refuse_unreadable(connection: AsyncConnection, sealer: Sealer) -> None:
    values, broken = await master_key.unreadable_values(connection, sealer)
    if broken:
        message = (
            f"{len(broken)} of {values} sealed values do not open with the master keys at hand, "
            f"such as {broken[0]}; give `--identity` a recovery key, which brings its keys along"
        )
        raise unavailable("seal_broken", message, places=broken[:100])
