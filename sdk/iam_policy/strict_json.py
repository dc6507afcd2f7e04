"""Strict JSON for everything that comes from outside: the server, the SDK and the engine share it.

Python's own reader accepts more than RFC 8259 and than is safe: it keeps the last of two equal
members, reads ``NaN`` and ``Infinity``, turns ``1e400`` into infinity, guesses UTF-16, lets half a
surrogate pair through, and recurses until the interpreter stops it. Each of these has been a way
to make two readers disagree about one signed text, so here each is refused.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

# Possessive quantifiers: the pattern reads each character once, whatever the text is.
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


Steps = tuple[str | int, ...]


class JsonError(ValueError):
    """The text is not JSON that this product accepts.

    Attributes:
        reason: What is wrong, in words that never repeat the text itself.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DuplicateMemberError(JsonError):
    """An object has the same member twice; `parse_repeating` tells where."""


class _Repeating(dict[str, Any]):
    """An object of which some members came twice."""

    twice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How large and how deep a text may be.

    Attributes:
        max_bytes: Length of the UTF-8 text.
        max_depth: Objects and lists inside one another.
        max_members: Members of one object.
        max_total: Members of all objects, elements of all lists and the outermost value, together.
        max_digits: Digits of one number.
    """

    max_bytes: int = 1 << 20
    max_depth: int = 32
    max_members: int = 1_000
    max_total: int = 10_000
    max_digits: int = 20


DEFAULT_LIMITS = JsonLimits()


def parse_json(data: bytes | str, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """Read one JSON value strictly (RFC 8259, and RFC 7493 for what interoperates).

    Raises:
        JsonError: invalid UTF-8, a byte order mark, UTF-16, duplicate members, ``NaN`` or
            ``Infinity`` or a number that overflows, a lone surrogate, or a limit passed.
    """
    text = _text(data, limits)
    _check_shape(text, limits)
    try:
        value = (_DECODE if limits is DEFAULT_LIMITS else _decode(limits))(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not valid JSON at character {error.pos}") from None
    if "\\u" in text:  # only an escape can bring half a surrogate pair into UTF-8 text
        _check_surrogates(value)
    return value


def parse_repeating(
    data: bytes | str, limits: JsonLimits = DEFAULT_LIMITS
) -> tuple[Any, tuple[Steps, ...]]:
    """Read a text in which members come twice, only to tell everything that is wrong with it.

    Of equal members the last is kept, which is exactly what nobody may act upon.

    Returns:
        The value, and the way to each member that comes twice: names, and places in lists.

    Raises:
        JsonError: as `parse_json`, but for duplicate members.
    """
    text = _text(data, limits)
    _check_shape(text, limits)
    try:
        value = _decode(limits, refuse=False)(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not valid JSON at character {error.pos}") from None
    _check_surrogates(value)
    return value, tuple(_repeated(value, ()))


def _repeated(value: object, steps: Steps) -> Iterator[Steps]:
    if isinstance(value, _Repeating):
        yield from ((*steps, name) for name in value.twice)
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _repeated(member, (*steps, name))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _repeated(element, (*steps, index))


def _text(data: bytes | str, limits: JsonLimits) -> str:
    if len(data) > limits.max_bytes:
        raise JsonError(f"longer than {limits.max_bytes} bytes")
    try:
        if isinstance(data, str):
            text = data
            if not text.isascii() and len(text.encode()) > limits.max_bytes:
                raise JsonError(f"longer than {limits.max_bytes} bytes")
        else:
            text = data.decode()
    except UnicodeError:
        raise JsonError("not valid UTF-8") from None
    if text.startswith("\ufeff"):
        raise JsonError("begins with a byte order mark")
    return text


def _check_shape(text: str, limits: JsonLimits) -> None:
    """Bound depth and size before the recursive reader sees the text."""
    opened = text.count("{") + text.count("[")
    if opened <= limits.max_depth and opened + text.count(",") <= limits.max_total:
        return  # brackets and commas inside strings only make this estimate too high
    bare = _STRINGS.sub("", text)
    if bare.count("{") + bare.count("[") + bare.count(",") > limits.max_total:
        raise JsonError(f"more than {limits.max_total} members")
    depth = 0
    for bracket in _BRACKETS.findall(bare):
        depth += 1 if bracket in "[{" else -1
        if depth > limits.max_depth:
            raise JsonError(f"nested deeper than {limits.max_depth}")


@lru_cache(maxsize=64)
def _decode(limits: JsonLimits, *, refuse: bool = True) -> Callable[[str], Any]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            if refuse:
                raise DuplicateMemberError("the same member twice in one object")
            found = _repeating(pairs)
        if len(found) > limits.max_members:
            raise JsonError(f"more than {limits.max_members} members in one object")
        return found

    def integer(digits: str) -> int:
        _check_digits(digits, limits)
        return int(digits)

    def fraction(digits: str) -> float:
        _check_digits(digits, limits)
        value = float(digits)
        if value in {float("inf"), float("-inf")}:
            raise JsonError("a number out of range")
        return value

    return json.JSONDecoder(
        object_pairs_hook=members,
        parse_int=integer,
        parse_float=fraction,
        parse_constant=_refuse_constant,
    ).decode


def _repeating(pairs: list[tuple[str, Any]]) -> _Repeating:
    found = _Repeating(pairs)
    seen: set[str] = set()
    twice: dict[str, None] = {}  # no set: the order is that of the text
    for name, _ in pairs:
        if name in seen:
            twice[name] = None
        seen.add(name)
    found.twice = tuple(twice)
    return found


def _check_digits(number: str, limits: JsonLimits) -> None:
    if len(number) <= limits.max_digits:
        return
    if sum(character.isdigit() for character in number) > limits.max_digits:
        raise JsonError(f"a number of more than {limits.max_digits} digits")


def _refuse_constant(_: str) -> NoReturn:
    raise JsonError("NaN and Infinity are not JSON")


def _check_surrogates(value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError("half of a surrogate pair") from None
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_surrogates(key)
            _check_surrogates(member)
    elif isinstance(value, list):
        for element in value:
            _check_surrogates(element)


_DECODE = _decode(DEFAULT_LIMITS)  # the usual one, without hashing the limits each time
