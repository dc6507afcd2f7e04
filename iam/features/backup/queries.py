"""Finding backups, reading their files, and what one has to know of the state that they hold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from iam.errors import IamError, unavailable
from iam.features.backup import rules
from iam.features.backup.rules import Counts, Header
from iam.features.master_key.queries import read_identities
from iam.features.master_key.rules import RecoveryCopy
from iam.kit import dumps
from iam.kit.age import Identity, decrypt
from iam.kit.row_lines import Shape
from iam.kit.sealed_lines import read_lines
from iam.kit.sealing import Sealer, load_master_keys
from iam.models import Backup
from iam.work import UnitOfWork

POSITIONS: Final = "outbox_messages_position"
"""What counts the outbox on PostgreSQL."""
_AUDIT: Final = table("audit_entries", column("id"), column("sequence"))
_OUTBOX: Final = table("outbox_messages", column("position"))


async def audit_head(connection: AsyncConnection) -> dict[str, Any]:
    """The last audit entry of the state that this connection sees: its id, and its number."""
    query = select(
        func.max(_AUDIT.c.id).label("last_id"), func.max(_AUDIT.c.sequence).label("sequence")
    )
    row = (await connection.execute(query)).mappings().one()
    return dict(row)


async def last_position(connection: AsyncConnection) -> int:
    """The number of the last message of the outbox; 0 when there is none."""
    found = await connection.execute(select(func.max(_OUTBOX.c.position)))
    return int(found.scalar_one() or 0)


async def list_backups(uow: UnitOfWork) -> Sequence[Backup]:
    """Every backup whose file is kept, newest first."""
    query = select(Backup).order_by(Backup.created_at.desc(), Backup.id.desc())
    found: Sequence[Backup] = (await uow.scalars(query)).all()
    return found


async def newest(uow: UnitOfWork) -> tuple[datetime | None, datetime | None]:
    """When the newest backup was made, and when one was last restored on trial."""
    made = await uow.scalar(select(func.max(Backup.created_at)))
    verified = await uow.scalar(select(func.max(Backup.verified_at)))
    return made, verified


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
