"""Ids: a prefix that tells the kind, then a UUIDv7 in 26 Crockford base-32 characters.

The UUID follows RFC 9562, section 5.7. The 128 bits are padded with two zero bits on the left, so
the parts fall on whole characters: ten of the 48-bit millisecond timestamp, four of version,
variant and a counter, twelve of randomness. Text sorts as time does, and ids that one process mints
in a row sort in that order: inside a millisecond the counter rises (RFC 9562, section 6.2, method
1; it fills ``rand_a`` and two bits of ``rand_b``).
"""

import os
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique


@unique
class IdKind(StrEnum):
    """What an id names; the value is its prefix."""

    USER = "usr"
    SERVICE = "svc"
    ROLE = "rol"
    GROUP = "grp"
    POLICY = "pol"
    RESOURCE_POLICY = "rsp"
    GUARDRAIL = "grd"
    CATALOGUE = "cat"
    CONFIGURATION = "cfg"
    APPLICATION = "app"
    SESSION = "ses"
    CREDENTIAL = "crd"
    TOKEN = "tok"  # noqa: S105  # a prefix, not a password
    EVENT = "evt"
    WEBHOOK = "whk"
    DELIVERY = "dlv"
    MAIL = "eml"
    MAIL_ROUTE = "mrt"
    MAIL_TEMPLATE = "mtp"
    DECISION = "dec"
    REQUEST = "req"
    INSTALLATION = "ins"
    JOB_RUN = "run"
    BACKUP = "bak"
    RESTORE = "rst"


# Crockford's alphabet leaves out i, l, o and u, which are misread; lower case, because ids are
# typed and grepped.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_BYTE_TO_CHARACTER = (_ALPHABET * 8).encode()
_FORM = re.compile(
    f"(?P<kind>{'|'.join(IdKind)})_"
    f"[0-7][{_ALPHABET}]{{9}}"  # 48 bits of time below two zero bits
    f"[ef][{_ALPHABET}]{{2}}[89abrstv]"  # version 7, variant 10
    f"[{_ALPHABET}]{{12}}"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_COUNTER_LIMIT = 1 << 14
_MAX_CLOCK_REGRESSION_MS = 10_000
_TAIL_LENGTH = 12
_TAILS_PER_DRAW = 256
_STARTS_PER_DRAW = 256


class _Minter:
    """The state behind ``new_id``: the last millisecond, its counter, and randomness drawn in bulk.

    Two threads that race may mint ids out of order, never equal ones: the random tail is drawn
    atomically. That is cheaper than a lock on the hottest path, and nobody can tell the order of
    two racing threads anyhow.
    """

    def __init__(self) -> None:
        self._millisecond = -1
        self._second = -1
        self._head = ""
        self._prefix = ""
        self._counter = 0
        self._tails: list[str] = []
        self._starts: list[int] = []

    def mint(self, kind: IdKind, now: datetime) -> str:
        """One id; see ``new_id``."""
        millisecond = (now - _EPOCH) // _MILLISECOND
        behind = self._millisecond - millisecond
        if behind < 0 or behind > _MAX_CLOCK_REGRESSION_MS:
            self._begin(millisecond)
        counter = self._counter = self._counter + 1
        if counter >= _COUNTER_LIMIT:  # borrow the next millisecond rather than wait for it
            self._begin(self._millisecond + 1)
            counter = self._counter
        middle = 0x70008 | (counter & ~3) << 2 | (counter & 3)
        try:
            tail = self._tails.pop()
        except IndexError:
            tail = self._draw()
        return f"{kind}_{self._prefix}{_PAIRS[middle >> 10]}{_PAIRS[middle & 1023]}{tail}"

    def forget(self) -> None:
        """Drop the drawn randomness, so that a forked child does not mint its parent's ids."""
        self._tails.clear()
        self._starts.clear()

    def _begin(self, millisecond: int) -> None:
        self._millisecond = millisecond
        second, rest = millisecond >> 10, millisecond & 1023  # nearly a second; a pair holds 1,024
        if second != self._second:
            self._second = second
            self._head = _head(second)
        self._prefix = self._head + _PAIRS[rest]
        # Half the range is left for counting; the random start keeps replicas apart.
        try:
            start = self._starts.pop()
        except IndexError:
            starts = memoryview(os.urandom(2 * _STARTS_PER_DRAW)).cast("H").tolist()
            start = starts.pop()
            self._starts.extend(starts)
        self._counter = start & (_COUNTER_LIMIT // 2 - 1)

    def _draw(self) -> str:
        text = os.urandom(_TAIL_LENGTH * _TAILS_PER_DRAW).translate(_BYTE_TO_CHARACTER).decode()
        drawn = [text[i : i + _TAIL_LENGTH] for i in range(0, len(text), _TAIL_LENGTH)]
        tail = drawn.pop()
        self._tails.extend(drawn)
        return tail


def _head(second: int) -> str:
    return "".join(_PAIRS[second >> shift & 1023] for shift in range(30, -1, -10))


_minter = _Minter()
os.register_at_fork(after_in_child=_minter.forget)


def new_id(kind: IdKind, now: datetime) -> str:
    """Mint the id of a new thing that begins to exist ``now`` (aware).

    Ids minted in a row by one process sort in that order, also when the clock steps back by up to
    ten seconds; a longer step is believed, so that the time in an id stays near the truth.
    """
    return _minter.mint(kind, now)


def first_id(kind: IdKind, at: datetime) -> str:
    """What sorts before every id of what begins to exist at this instant (aware) or later.

    It sorts after the ids of what began earlier, but for up to ten seconds: see ``new_id``.
    """
    millisecond = max(0, (at - _EPOCH) // _MILLISECOND)
    return f"{kind}_{_head(millisecond >> 10)}{_PAIRS[millisecond & 1023]}"


def is_id(text: str, kind: IdKind | None = None) -> bool:
    """Whether ``text`` has the form of an id, of this ``kind`` if one is given."""
    match = _FORM.fullmatch(text)
    return match is not None and (kind is None or match["kind"] == kind)
