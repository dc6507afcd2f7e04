"""Rows as aligned text. Pure.

What a server says is shown, never obeyed: control characters come out escaped, so that a name
cannot move the cursor or recolour the terminal.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_GAP: Final = "  "
# Other, control; other, format (bidirectional overrides, zero width); unpaired surrogates; line and
# paragraph separators.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WIDE: Final = frozenset({"W", "F"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        value: The member of a record that it shows, or a function that finds the value.
    """

    title: str
    value: str | Callable[[Mapping[str, Any]], Any] = ""

    def cell(self, record: Mapping[str, Any], *, nothing: str = "-") -> str:
        """The text of one cell; `nothing` stands for a value that is not there."""
        return shown(self._found_in(record), nothing=nothing)

    def _found_in(self, record: Mapping[str, Any]) -> Any:
        if callable(self.value):
            return self.value(record)
        return record.get(self.value or self.title.lower().replace(" ", "_"))


def shown(value: Any, *, nothing: str = "-") -> str:
    """A value as one line of text for people; `nothing` stands for one that is not there."""
    if value is None or value in ("", [], {}):
        return nothing
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{safe(str(key))}={shown(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(map(shown, value))
        case _:
            return safe(_instant(str(value)))


def safe(text: str) -> str:
    """Text in which nothing can steer a terminal; tabs and line ends are escaped too."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _is_unsafe(character) else character
        for character in text
    )


def safe_lines(text: str) -> str:
    """As `safe`, but line ends stay."""
    return "\n".join(map(safe, text.split("\n")))


def table(columns: Sequence[Column], records: Sequence[Mapping[str, Any]], *, width: int) -> str:
    """Records below each other, columns aligned; as blocks where `width` is too narrow for that.

    `width` is in character cells; 0 means unlimited.
    """
    cells = [[column.cell(record) for column in columns] for record in records]
    titles = [column.title.upper() for column in columns]
    widths = [max(map(cells_of, column)) for column in zip(titles, *cells, strict=True)]
    if width and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        return "\n\n".join(
            fields(list(zip((each.title for each in columns), row, strict=True))) for row in cells
        )
    return "\n".join(_line(row, widths) for row in [titles, *cells])


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, one pair a line, values aligned."""
    width = max((cells_of(name) for name, _ in pairs), default=0)
    return "\n".join(f"{_padded(name, width)}{_GAP}{value}".rstrip() for name, value in pairs)


def cells_of(text: str) -> int:
    """How many character cells a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_cells_of_character(character) for character in text)


def _cells_of_character(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (_padded(cell, width) for cell, width in zip(cells, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells_of(text))


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _instant(text: str) -> str:
    """`2026-07-01T12:00:00.123456Z` as `2026-07-01 12:00:00Z`; other text as it is."""
    is_instant = len(text) >= 20 and text[4:5] == "-" and text[10:11] == "T" and text[-1] == "Z"  # noqa: PLR2004 -- the shape of an instant
    return f"{text[:10]} {text[11:19]}Z" if is_instant else text
