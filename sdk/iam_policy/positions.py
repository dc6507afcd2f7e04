"""Where the statements of a document stand in its text, for messages that point at them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_KEY = re.compile(r'("(?:[^"\\]|\\.)*")\s*:\s*')


@dataclass(frozen=True, slots=True)
class Position:
    """A character of a text; lines and columns count from 1, as in AWS's simulator."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, from its first to its last character."""

    start: Position
    end: Position


def statement_spans(text: str) -> tuple[Span, ...]:
    """Return where each statement of a valid document stands, in order."""
    begins = _statements(text)
    depth = 1 if text[begins] == "[" else 0  # a list of statements, or one alone
    return tuple(
        Span(_position(text, first), _position(text, last))
        for first, last in _objects(text, begins, depth)
    )


def _statements(text: str) -> int:
    """Return where the value of the document's own Statement begins."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif depth == 1:
            key = _KEY.match(text, token.start())
            if key is not None and json.loads(key[1]) == "Statement":
                return key.end()
    raise ValueError("expected a document with statements")


def _objects(text: str, begins: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Yield first and last place of the objects that are so deep in the value that begins here."""
    depth, first = 0, begins
    for token in _TOKEN.finditer(text, begins):
        if token[0] in "{[":
            first = token.start() if depth == wanted else first
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth == wanted:
                yield first, token.start()
            if not depth:
                return


def _position(text: str, place: int) -> Position:
    return Position(text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place))
