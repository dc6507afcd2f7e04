"""Wildcards in linear time: ``*`` is any text, ``?`` is exactly one character, nothing is a regex.

A pattern is cut at its stars into pieces. The first piece must stand at the start, the last at the
end, and each one between is looked for once, from left to right: taking the leftmost place is
always right, so nothing is ever tried twice. Both policy authors and resource names are
attackers' input, and a backtracking matcher lets four stars cost seconds.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import TypeVar


class Wild(Enum):
    """The two wildcards, apart from the characters ``*`` and ``?`` that stand for themselves."""

    STAR = "*"
    ONE = "?"


class Gapped:
    """A piece of a pattern that contains ``?``: text with gaps of one character."""

    __slots__ = ("_offsets", "_runs", "width")

    def __init__(self, tokens: Sequence[str | Wild]) -> None:
        self._runs: list[tuple[int, str]] = []
        self._offsets: dict[str, list[int]] = {}
        self.width = 0
        for token in tokens:
            if isinstance(token, Wild):
                self.width += 1
            else:
                self._runs.append((self.width, token))
                for offset, character in enumerate(token, self.width):
                    self._offsets.setdefault(character, []).append(offset)
                self.width += len(token)

    def stands_at(self, text: str, start: int) -> bool:
        """Compare with the characters from ``start`` on; the caller knows that they suffice."""
        return all(text.startswith(run, start + offset) for offset, run in self._runs)

    def find(self, text: str, start: int, stop: int) -> int:
        """Find the leftmost place between ``start`` and ``stop``, or -1.

        One integer holds a bit for every place in the text where the piece could still begin, so
        each character of the piece costs one operation however many places there are.
        """
        starts = stop - self.width + 1 - start
        if starts <= 0:
            return -1
        possible = (1 << starts) - 1 << start
        marks = [(_places(text, one), offsets) for one, offsets in self._offsets.items()]
        marks.sort(key=_frequency)  # rare characters leave the fewest places, and soonest none
        for places, offsets in marks:
            for offset in offsets:
                possible &= places >> offset
                if not possible:
                    return -1
        return (possible & -possible).bit_length() - 1


def _frequency(marked: tuple[int, list[int]]) -> int:
    return marked[0].bit_count()


class _Marks(dict[int, int]):
    """A translation of one character to ``1`` and of all others to ``0``."""

    def __missing__(self, _: int) -> int:
        return ord("0")


def _mark(text: str, character: str) -> int:
    """Return an integer whose bit n tells whether the character stands at place n."""
    return int(text.translate(_Marks({ord(character): ord("1")}))[::-1], 2)


_remembered_mark = lru_cache(maxsize=512)(_mark)
_REMEMBERED_LENGTH = 4_096


def _places(text: str, character: str) -> int:
    """Mark a character's places; many patterns ask the same about one resource name."""
    return (_remembered_mark if len(text) <= _REMEMBERED_LENGTH else _mark)(text, character)


Piece = str | Gapped


Token = TypeVar("Token")


def cut_at_stars(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut tokens at their stars; n stars give n + 1 runs, of which any may be empty."""
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.STAR:
            runs.append([])
        else:
            runs[-1].append(token)
    return runs


def piece_of(run: Sequence[str | Wild]) -> Piece:
    """Make the piece between two stars."""
    if Wild.ONE in run:
        return Gapped(run)
    return "".join(token for token in run if isinstance(token, str))


def match_pieces(pieces: Sequence[Piece], text: str) -> bool:
    """Match the whole text against pieces with a star between each two of them."""
    first, last = pieces[0], pieces[-1]
    start = _width(first)
    if len(pieces) == 1:
        return start == len(text) and _stands_at(first, text, 0)
    stop = len(text) - _width(last)
    if start > stop or not _stands_at(first, text, 0) or not _stands_at(last, text, stop):
        return False
    for piece in pieces[1:-1]:
        if isinstance(piece, str):
            found = text.find(piece, start, stop)
        else:
            found = piece.find(text, start, stop)
        if found < 0:
            return False
        start = found + _width(piece)
    return True


def glob_matcher(tokens: Sequence[str | Wild]) -> Callable[[str], bool]:
    """Compile tokens into a predicate on whole texts."""
    pieces = [piece_of(run) for run in cut_at_stars(tokens)]
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return pieces[0].__eq__
    if len(pieces) == 2 and isinstance(pieces[0], str) and pieces[1] == "":  # noqa: PLR2004 -- one star
        prefix = pieces[0]
        return lambda text: text.startswith(prefix)
    return lambda text: match_pieces(pieces, text)


def _width(piece: Piece) -> int:
    return len(piece) if isinstance(piece, str) else piece.width


def _stands_at(piece: Piece, text: str, start: int) -> bool:
    if isinstance(piece, str):
        return text.startswith(piece, start)
    return piece.stands_at(text, start)
