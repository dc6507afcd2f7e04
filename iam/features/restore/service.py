"""Use cases of restores: put a backup in the place of a database, and make it safe to serve."""

from collections.abc import Callable, Mapping
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
from iam.models import (
    MAIN_ACCOUNT,
    Account,
    AccountStatus,
    Credential,
    CredentialStatus,
    Installation,
    Principal,
    PrincipalStatus,
    Restore,
)
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
        replayed: How many things have ended again that had ended since the backup.
    """

    header: Header
    rows: int
    restore_epoch: int
    quarantined: int
    replayed: int


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
    ended: Mapping[str, str] | None = None,
    told: Told = quiet,
) -> Restored:
    """Fill the database from a backup, bring its schema up to date, and make it safe to serve.

    Args:
        tools: The database that is filled; everything in it goes first.
        begin: Begins a unit of work on it.
        backup: What with.
        present: What it takes the place of.
        accepts_secrets: Whether credentials that were revoked since may come back.
        ended: What has ended since, as `rules.ended_since` found it; then only that is put out of
            use. `None`: nobody knows, and every credential is quarantined.
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
        epoch, quarantined, replayed = await _make_safe(
            uow, backup.header, present, accepts_secrets=accepts_secrets, ended=ended
        )
    return Restored(backup.header, total(counts), epoch, quarantined, replayed)


async def _make_safe(
    uow: UnitOfWork,
    header: Header,
    present: Present,
    *,
    accepts_secrets: bool,
    ended: Mapping[str, str] | None,
) -> tuple[int, int, int]:
    """See to it that nothing comes back that has ended since the backup (F-24)."""
    await uow.see_all_accounts()
    installation = await uow.get(Installation, 1)
    if installation is None:
        raise invalid("backup_malformed", "the backup holds no installation")
    # A backup holds what was made under the keys of its time, and they are needed from here on.
    await master_key.ensure_master_key(uow, installation)
    replayed = await _end_again(uow, ended or {})
    is_known = accepts_secrets or ended is not None
    quarantined = 0 if is_known else await _quarantine(uow)
    installation.restore_epoch = rules.next_epoch(
        [installation.restore_epoch, present.restore_epoch], now=uow.now
    )
    uow.emit(
        EventType.INSTALLATION_RESTORED,
        installation,
        backup=header.id,
        backup_created_at=header.created_at,
        heads={"backup": dict(header.audit_head), "replaced": present.audit_head},
        credentials="accepted" if is_known else "quarantined",
        quarantined=quarantined,
        replayed=replayed,
    )
    await replace_keys(uow)
    (row,) = (await uow.scalars(queries.unfinished())).all()
    row.finished_at = uow.now
    return installation.restore_epoch, quarantined, replayed


async def _end_again(uow: UnitOfWork, ended: Mapping[str, str]) -> int:
    """End what has ended since the backup; returns how much of it the backup had brought back."""
    count = 0
    for target, outcome in ended.items():
        if outcome == "disabled":
            count += await _disable(uow, target)
        elif outcome == "suspended":
            count += await _suspend(uow, target)
        else:
            count += await _put_out_of_use(uow, target, CredentialStatus(outcome))
    return count


async def _disable(uow: UnitOfWork, principal_id: str) -> bool:
    row = await uow.get(Principal, principal_id)
    if row is None or not row.is_active:
        return False
    row.status = PrincipalStatus.DISABLED
    row.principal_epoch += 1
    uow.emit(EventType(f"iam.{row.kind}.disabled.v1"), row)
    return True


async def _suspend(uow: UnitOfWork, account: str) -> bool:
    row = await uow.get(Account, account)
    if row is None or row.status != AccountStatus.ACTIVE or account == MAIN_ACCOUNT:
        return False
    row.status = AccountStatus.SUSPENDED
    uow.emit(EventType.ACCOUNT_SUSPENDED, row)
    return True


async def _put_out_of_use(uow: UnitOfWork, credential: str, status: CredentialStatus) -> bool:
    row = await uow.get(Credential, credential)
    if row is None or row.status in {status, CredentialStatus.REVOKED}:
        return False
    row.status = status
    event = EventType.CREDENTIAL_QUARANTINED
    if status is CredentialStatus.REVOKED:
        row.revoked_at, event = uow.now, EventType.CREDENTIAL_REVOKED
    holder = await uow.get(Principal, row.principal_id)
    uow.emit(event, row, holder=uow.arn(holder) if holder is not None else row.principal_id)
    return True


async def _quarantine(uow: UnitOfWork) -> int:
    """Put every credential out of use: which of them were revoked since, nobody here knows."""
    rows = await queries.active_credentials(uow)
    for row in rows:
        await _put_out_of_use(uow, row.id, CredentialStatus.QUARANTINED)
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
