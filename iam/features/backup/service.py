"""Use cases of backups: make one, read one, restore one on trial, and let old ones go."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from iam.errors import IamError, conflict, invalid, unavailable
from iam.features.backup import queries, rules
from iam.features.backup.rules import Count, Counts, Header
from iam.features.master_key import service as master_key
from iam.features.recovery import service as recovery
from iam.features.recovery.queries import read_identities
from iam.features.recovery.rules import RecoveryCopy
from iam.journal.events import EventType
from iam.kit import dumps, schema
from iam.kit.age import Identity, Recipient, decrypt
from iam.kit.database import Database
from iam.kit.ids import IdKind, new_id
from iam.kit.row_lines import Shape, Tally
from iam.kit.sealed_lines import SealedLines, prepare_directory, read_lines
from iam.kit.sealing import Sealer, load_master_keys
from iam.models import Backup, Installation
from iam.work import Tools, UnitOfWork

Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Begins a unit of work of the installation itself, in `main`."""
Told: TypeAlias = Callable[[int, str], None]
"""Is told how many rows are done, and of which table the last ones were."""
Read: TypeAlias = dict[str, tuple[Shape, Tally]]
"""The tables that were read from a backup, and what was in them."""
_SCRATCH: Final = "scratch.db"


def quiet(_done: int, _table: str) -> None:
    """For who does not want to be told."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a restore on trial has shown.

    Attributes:
        header: What the backup says of itself.
        rows: How many came back.
        values: How many sealed values were opened.
    """

    header: Header
    rows: int
    values: int


async def create_backup(
    tools: Tools, begin: Begin, *, directory: Path, path: Path | None = None, told: Told = quiet
) -> Backup:
    """Back up the database as it is now, while others go on writing.

    Args:
        tools: The database, the master keys, the clock.
        begin: Begins a unit of work.
        directory: Where the file goes, absolute, and meanwhile the copy of a SQLite database.
        path: The file, absolute, if it is not to have a name of ours in the directory.
        told: Is told of the progress.

    Raises `IamError`: conflict, `recovery_unconfirmed`, while nobody but the master key could open
    it; unavailable, `database_damaged`, or `file_unwritable`.
    """
    prepare_directory(directory)
    async with begin() as uow:
        header, recipients = await _describe(uow)
    at = datetime.fromisoformat(header.created_at)
    path = path or directory / rules.file_name(created_at=at, id=header.id)
    async with dumps.snapshot(tools.database, beside=directory) as connection:
        counts = await _write(connection, header, path, recipients, told)
    row = Backup(
        id=header.id,
        created_at=at,
        path=str(path),
        size=path.stat().st_size,
        rows=rules.total(counts),
        schema_revision=header.schema,
        key_id=header.key_id,
    )
    async with begin() as uow:
        await uow.insert(row, taken=rules.malformed())
        uow.emit(EventType.BACKUP_CREATED, row)
    return row


async def verify_backup(
    sealer: Sealer,
    *,
    path: Path,
    identities: Sequence[Identity] = (),
    scratch: Path | None = None,
    told: Told = quiet,
) -> Verified:
    """Restore a backup into a scratch database, compare, and open everything sealed in it.

    The scratch database is of SQLite, whatever the backup is of: it needs no right on any server,
    and a digest that holds in the other kind of database shows the more.

    Args:
        sealer: The master keys.
        path: The backup.
        identities: What opens it; by default what follows from the master keys.
        scratch: The directory of the scratch database; by default that of the system.
        told: Is told of the progress.

    Raises `IamError` (invalid) when anything is not as it was backed up.
    """
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=scratch) as directory:
        database = Database(f"sqlite+aiosqlite:///{Path(directory) / _SCRATCH}")
        try:
            with opened(path, identities or identities_of(sealer)) as backup:
                counts = await load(database, backup, reads_back=True, told=told)
            # The models are those of this code, and so must be what they read.
            await schema.upgrade(database)
            async with database.connect(writes=False) as connection:
                values, broken = await master_key.unreadable_values(connection, sealer)
        finally:
            await database.close()
    if broken:
        message = f"{len(broken)} of {values} sealed values do not open, such as {broken[0]}"
        raise invalid("backup_unreadable", message, places=broken[:100])
    return Verified(backup.header, rules.total(counts), values)


async def note_verified(uow: UnitOfWork, *, id: str) -> None:  # noqa: A002 -- the backup's own word
    """Remember that a backup was restored on trial, if it is one that we know."""
    row = await uow.get(Backup, id)
    if row is not None:
        row.verified_at = uow.now
        uow.emit(EventType.BACKUP_VERIFIED, row)


async def prune_backups(uow: UnitOfWork, *, directory: Path, keep: int) -> list[Path]:
    """Forget backups beyond the newest so many; returns the files to remove after the commit.

    What somebody has put elsewhere than into this directory, an absolute path, is theirs.
    """
    ours = [row for row in await queries.list_backups(uow) if Path(row.path).parent == directory]
    gone = rules.superfluous(ours, keep=keep)
    for row in gone:
        uow.emit(EventType.BACKUP_DELETED, row)
        await uow.delete(row)
    return [Path(row.path) for row in gone]


class OpenBackup:
    """A backup that is being read: what it says of itself, and then its lines."""

    def __init__(self, header: Header, lines: Iterator[bytes]) -> None:
        self.header = header
        self._lines = lines

    def batches(self) -> Iterator[tuple[Shape, list[bytes]] | Counts]:
        """Rows of one table, some at a time; at last what all tables hold.

        Raises `IamError` (invalid) when the file is not what it should be.
        """
        shape: Shape | None = None
        rows: list[bytes] = []
        for line in self._lines:
            if line.startswith(b"[") and shape is not None:
                rows.append(line)
                if len(rows) == dumps.BATCH:
                    yield shape, rows
                    rows = []
                continue
            if shape is not None:
                yield shape, rows
                rows = []
            found = rules.parse_object(line)
            if "tables" in found:
                yield rules.parse_counts(found)
                return
            shape = rules.parse_table(found)
        raise rules.malformed()


@contextmanager
def opened(path: Path, identities: Sequence[Identity]) -> Iterator[OpenBackup]:
    """Open a backup. Raises `IamError` when no identity fits, or it is none."""
    with read_lines(path, identities) as lines:
        yield OpenBackup(Header.parse(next(lines, b"")), lines)


def identities_of(sealer: Sealer) -> list[Identity]:
    """What opens the backups that were made under any of the master keys at hand."""
    return [Identity(key) for key in sealer.subkeys(rules.PURPOSE)]


def keys_for(
    path: Path, *, key_file: Path, identity_file: Path | None
) -> tuple[Sealer, list[Identity]]:
    """The master keys for a backup, and what opens it.

    With a recovery key, the backup itself brings the master keys along that it needs; those in the
    key file are used besides. Raises `IamError` when either is missing, or does not fit.
    """
    at_hand = _keys_in(key_file, may_lack=identity_file is not None)
    if identity_file is None:
        sealer = Sealer(at_hand[0], older=at_hand[1:])
        return sealer, identities_of(sealer)
    identities = read_identities(identity_file)
    with opened(path, identities) as backup:
        copy = RecoveryCopy.parse(decrypt(backup.header.recovery.encode(), identities))
    first, *others = at_hand or copy.in_order
    return Sealer(first, older=[*others, *copy.in_order]), identities


def _keys_in(key_file: Path, *, may_lack: bool) -> list[bytes]:
    try:
        return load_master_keys(key_file)
    except IamError as error:
        if may_lack and error.code == "file_missing":
            return []
        message = f"{error.message}; where it is lost, `--identity` takes a recovery key instead"
        raise unavailable(error.code, message) from None


async def load(
    database: Database,
    backup: OpenBackup,
    *,
    replaces: bool = False,
    reads_back: bool = False,
    told: Told = quiet,
    finish: Callable[[AsyncConnection], Awaitable[None]] | None = None,
) -> Counts:
    """Fill an empty database, in one transaction, and compare what is there then.

    Args:
        database: What is filled.
        backup: What with.
        replaces: Whether everything that is in the database goes first, in the same transaction.
        reads_back: Whether every row is read again and compared, which takes as long once more;
            without it the rows are counted.
        told: Is told of the progress.
        finish: What else belongs to the transaction, after everything else.

    Raises `IamError` (invalid): `backup_differs`, `backup_schema` when this code does not know the
    schema, and what reading the file raises. Nothing is kept then.
    """
    async with database.connect(writes=True) as connection, connection.begin():
        await dumps.lift_limits(connection)
        if replaces:
            await connection.run_sync(dumps.drop_everything)
        await _make_schema(connection, backup.header.schema)
        async with dumps.without_references(connection):
            expected, read = await _fill(connection, backup, told)
        rules.refuse_differences(rules.differences(expected, _counts(read)))
        found = await _count(connection, read, reads_back=reads_back)
        rules.refuse_differences(rules.differences(expected, found))
        await _advance_counters(connection)
        if finish is not None:
            await finish(connection)
    return found


async def _describe(uow: UnitOfWork) -> tuple[Header, list[Recipient]]:
    """What a backup that begins now says of itself, and for whom it is."""
    recipients = await recovery.confirmed_recipients(uow)
    if not recipients:
        message = (
            "a backup that only the master key opens is lost with it: first give a recovery key, "
            "`iam master-key escrow --recipient age1... --local`, and confirm it"
        )
        raise conflict("recovery_unconfirmed", message)
    installation = await uow.get(Installation, 1)
    if installation is None:
        raise conflict("not_prepared", "there is no installation yet; start the server once")
    tools = uow.tools
    # Not that of this code: a newer one may have changed the schema, and this one goes on.
    revision = await schema.current_revision(tools.database) or schema.HEAD
    now = uow.now if tools.database.is_sqlite else await tools.database.time()
    header = Header(
        id=new_id(IdKind.BACKUP, now),
        installation=installation.uid,
        schema=revision,
        database="sqlite" if tools.database.is_sqlite else "postgresql",
        created_at=now.astimezone(UTC).isoformat(),
        restore_epoch=installation.restore_epoch,
        audit_head={},
        key_id=tools.sealer.key_id,
        recovery=await recovery.recovery_copy(uow),
    )
    return header, [_own(tools.sealer), *recipients]


def _own(sealer: Sealer) -> Recipient:
    """For whom a backup is that the active master key shall open."""
    return Identity(sealer.current_subkey(rules.PURPOSE)).recipient


async def _write(
    connection: AsyncConnection,
    header: Header,
    path: Path,
    recipients: Sequence[Recipient],
    told: Told,
) -> Counts:
    head = await queries.audit_head(connection)
    counts: dict[str, Count] = {}
    done = 0
    with SealedLines(path, recipients) as file:
        file.write([replace(header, audit_head=head).line()])
        for shape in await dumps.shapes(connection, leave_out=rules.LEFT_OUT):
            tally = Tally()
            file.write([rules.table_line(shape)])
            async for lines in dumps.rows(connection, shape):
                tally.add(lines)
                # Compressing is work: a server that makes its own backup goes on meanwhile.
                await asyncio.to_thread(file.write, lines)
                told(done + tally.rows, shape.name)
            done += tally.rows
            counts[shape.name] = Count.of(tally)
        file.write([rules.last_line(counts)])
    return counts


async def _make_schema(connection: AsyncConnection, revision: str) -> None:
    try:
        await connection.run_sync(schema.upgrade_in, revision)
    except schema.MigrationError:
        raise _unknown_schema(revision) from None


def _unknown_schema(revision: str) -> IamError:
    message = (
        f"the backup has the schema {revision}, this iam knows up to {schema.HEAD}: "
        "restore it with the newer iam that made it"
    )
    return invalid("backup_schema", message)


async def _fill(connection: AsyncConnection, backup: OpenBackup, told: Told) -> tuple[Counts, Read]:
    """What the backup says at its end that it holds, and what it did hold."""
    known = {shape.name: _names(shape) for shape in await dumps.shapes(connection)}
    read: Read = {}
    done = 0
    async for batch in _in_thread(backup.batches()):
        if not isinstance(batch, tuple):
            return batch, read
        shape, lines = batch
        if known.get(shape.name) != _names(shape):
            raise rules.malformed()
        if shape.name not in read:
            read[shape.name] = shape, Tally()
            await dumps.empty(connection, shape)  # what a migration has put there
        read[shape.name][1].add(lines)
        await dumps.fill(connection, shape, lines)
        done += len(lines)
        told(done, shape.name)
    raise rules.malformed()


async def _count(connection: AsyncConnection, read: Read, *, reads_back: bool) -> Counts:
    """What the tables hold now; with `reads_back` not only how much."""
    found: dict[str, Count] = {}
    for name, (shape, tally) in read.items():
        if reads_back:
            found[name] = Count.of(await dumps.count(connection, shape))
        else:
            found[name] = Count(await dumps.count_rows(connection, shape), tally.digest)
    return found


def _counts(read: Read) -> Counts:
    return {name: Count.of(tally) for name, (_, tally) in read.items()}


def _names(shape: Shape) -> set[str]:
    return {name for name, _ in shape.columns}


async def _advance_counters(connection: AsyncConnection) -> None:
    for counted in queries.COUNTED:
        last = await queries.last_position(connection, counted)
        await dumps.advance_counter(connection, queries.counter_of(counted), past=last)


async def _in_thread(
    batches: Iterator[tuple[Shape, list[bytes]] | Counts],
) -> AsyncIterator[tuple[Shape, list[bytes]] | Counts]:
    """Read, decrypt and decompress beside the event loop."""
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        yield batch
