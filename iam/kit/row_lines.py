"""Rows of tables as lines of JSON, the same for equal rows of SQLite and PostgreSQL. Pure."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

_RESTORE: Final[dict[str, Callable[[str], Any]]] = {
    "bytes": base64.b64decode,
    "instant": datetime.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One table: its columns, each with the kind of its values."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [name for name, _ in self.columns]

    @property
    def restored(self) -> list[tuple[str, Callable[[str], Any]]]:
        """The columns whose values JSON does not have, and what makes them of text."""
        return [(name, _RESTORE[kind]) for name, kind in self.columns if kind in _RESTORE]


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


def encoded(row: Iterable[Any]) -> bytes:
    """A row as one line; the same for equal rows of either database."""
    # SQLite forgets the zone, which is always UTC.
    option = orjson.OPT_SORT_KEYS | orjson.OPT_NAIVE_UTC
    return orjson.dumps(tuple(row), default=_text_of, option=option)


def decoded(shape: Shape, line: bytes) -> dict[str, Any]:
    """The row of a line, ready to be inserted. Raises `ValueError` when it does not fit."""
    row = dict(zip(shape.names, orjson.loads(line), strict=True))
    for name, restore in shape.restored:
        if row[name] is not None:
            row[name] = restore(row[name])
    return row


def _text_of(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"a value of an unforeseen type: {type(value).__name__}")
