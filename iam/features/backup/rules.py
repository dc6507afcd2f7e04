"""What stands in a backup beside the rows, what its file is called, and which are kept. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from iam.errors import IamError, invalid
from iam.kit.row_lines import Shape, Tally

FORMAT: Final = "iam backup"
VERSION: Final = 1
SUFFIX: Final = ".iambackup"
PURPOSE: Final = "backup"
"""For which purpose the key of a backup is derived from the master key."""
LEFT_OUT: Final = frozenset({"changes", "restores"})
"""What means nothing elsewhere: the change log counts by the transactions of one database."""


class _Dated(Protocol):
    @property
    def created_at(self) -> datetime: ...


Row = TypeVar("Row", bound=_Dated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a backup says of itself, before the first row.

    Attributes:
        id: Its own id.
        installation: The id of the installation.
        schema: The revision of the database schema.
        database: `sqlite` or `postgresql`.
        created_at: When the state was read, by the clock of the database; ISO 8601.
        restore_epoch: That of the installation.
        audit_head: The last audit entry, and the seal of the log.
        key_id: The master key that opens the file and most of what is sealed in it.
        recovery: The master keys, for the recovery recipients (armored age).
    """

    id: str
    installation: str
    schema: str
    database: str
    created_at: str
    restore_epoch: int
    audit_head: Mapping[str, Any]
    key_id: str
    recovery: str = field(repr=False)

    def line(self) -> bytes:
        """The first line of the file."""
        return _line({"format": FORMAT, "version": VERSION, **asdict(self)})

    @classmethod
    def parse(cls, line: bytes) -> "Header":
        """From the first line. Raises `IamError` (invalid) when this code cannot read the rest."""
        found = parse_object(line)
        if found.get("format") != FORMAT:
            raise malformed()
        if found.get("version") != VERSION:
            message = f"expected version {VERSION} of the format, found {found.get('version')}"
            raise invalid("backup_version", f"{message}: restore it with the iam that made it")
        try:
            return cls(**{name: found[name] for name in cls.__dataclass_fields__})
        except KeyError:
            raise malformed() from None


@dataclass(frozen=True, slots=True)
class Count:
    """What a table holds: its rows, and a digest of them."""

    rows: int
    digest: str

    @classmethod
    def of(cls, tally: Tally) -> "Count":
        """What was counted."""
        return cls(tally.rows, tally.digest)


Counts = Mapping[str, Count]
"""What is in every table, by its name."""


def table_line(shape: Shape) -> bytes:
    """The line before the rows of a table."""
    return _line({"table": shape.name, "columns": shape.columns})


def parse_table(found: Mapping[str, Any]) -> Shape:
    """The table whose rows follow."""
    try:
        columns = tuple((str(name), str(kind)) for name, kind in found["columns"])
        return Shape(str(found["table"]), columns)
    except (LookupError, TypeError, ValueError):
        raise malformed() from None


def last_line(counts: Counts) -> bytes:
    """The last line: what all tables hold."""
    return _line({"tables": {name: [count.rows, count.digest] for name, count in counts.items()}})


def parse_counts(found: Mapping[str, Any]) -> Counts:
    """What all tables hold, from the last line."""
    try:
        return {
            str(name): Count(int(rows), str(digest))
            for name, (rows, digest) in found["tables"].items()
        }
    except (LookupError, TypeError, ValueError, AttributeError):
        raise malformed() from None


def parse_object(line: bytes) -> dict[str, Any]:
    """A line that is no row. Raises `IamError` (invalid)."""
    try:
        found = json.loads(line)
    except ValueError:
        raise malformed() from None
    if not isinstance(found, dict):
        raise malformed()
    return found


def differences(expected: Counts, found: Counts) -> list[str]:
    """The tables that do not hold what they should, with what is wrong."""
    return [
        f"{name}: expected {_told(expected.get(name))}, found {_told(found.get(name))}"
        for name in sorted({*expected, *found})
        if expected.get(name) != found.get(name)
    ]


def file_name(*, created_at: datetime, id: str) -> str:  # noqa: A002 -- the backup's own word
    """What the file of a backup is called: names sort as the backups were made."""
    return f"iam-{created_at:%Y%m%dT%H%M%SZ}-{id[-6:]}{SUFFIX}"


def superfluous(backups: Sequence[Row], *, keep: int) -> list[Row]:
    """Those that are older than the newest so many."""
    return sorted(backups, key=lambda each: each.created_at, reverse=True)[keep:]


def total(counts: Counts) -> int:
    """All rows together."""
    return sum(count.rows for count in counts.values())


def malformed() -> IamError:
    """The refusal of a file that opens and is no backup."""
    return invalid("backup_malformed", "the file opens, and what it holds is no backup of iam")


def refuse_differences(found: Iterable[str]) -> None:
    """Raise `IamError` (invalid, `backup_differs`) if there are any."""
    lines = list(found)
    if lines:
        message = f"what was read back is not what was backed up: {'; '.join(lines[:5])}"
        raise invalid("backup_differs", message, tables=lines)


def _told(count: Count | None) -> str:
    return "nothing" if count is None else f"{count.rows} rows ({count.digest[:12]})"


def _line(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
