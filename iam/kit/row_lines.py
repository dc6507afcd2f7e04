"""Rows of tables as lines of JSON, the same for equal rows of SQLite and PostgreSQL. Pure."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Shape:
    """One table: its columns, each with the kind of its values."""

    name: str
    columns: tuple[tuple[str, str], ...]


class Tally:
    """How many rows there are, and one digest of them all, in whatever order they come.

    The digests of the rows are added up, because two databases sort text differently. It finds
    what was lost or changed by accident; that nobody forged anything is proven elsewhere.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, lines: Iterable[bytes]) -> None:
        """Count these rows, as `encoded` writes them."""
        for line in lines:
            self.rows += 1
            self._sum += int.from_bytes(hashlib.sha256(line).digest())

    @property
    def digest(self) -> str:
        """The digest so far."""
        return f"{self._sum % (1 << 256):064x}"


def encoded(row: Sequence[Any]) -> bytes:
    """A row as one line; the same for equal rows of either database."""
    return orjson.dumps([_plain(value) for value in row], option=orjson.OPT_SORT_KEYS)


def decoded(shape: Shape, line: bytes) -> dict[str, Any]:
    """The row of a line, ready to be inserted. Raises `ValueError` when it does not fit."""
    values = orjson.loads(line)
    return {
        name: _restored(kind, value)
        for (name, kind), value in zip(shape.columns, values, strict=True)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        # SQLite forgets the zone, which is always UTC.
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="microseconds")
    return value


def _restored(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "bytes":
        return base64.b64decode(value, validate=True)
    return datetime.fromisoformat(value) if kind == "instant" else value
