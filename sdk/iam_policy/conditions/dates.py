"""Date operators: instants, written as ISO 8601 (the W3C profile) or as epoch seconds.

``2020``, ``2020-01`` and ``2020-01-01`` mean their first midnight in UTC; a time of day needs
``Z`` or an offset, since without one it is not an instant. Four digits are a year; any other
number is seconds since 1970.
"""

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import date

from iam_policy.conditions.lookups import by_equality, by_order
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.variables import Env, Scalar

_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2}))?)?)?"
)
_EPOCH = re.compile(r"(-?[0-9]{1,12})(?:\.([0-9]{1,9}))?")
_EXPECTED = "a date such as 2026-01-31, a time such as 2026-01-31T09:30:00Z, or epoch seconds"
_UNIX_DAY = date(1970, 1, 1).toordinal()
_NANOSECONDS = 1_000_000_000


def _instant(value: Scalar) -> int | None:
    """Return nanoseconds since 1970, or None if the value is no instant."""
    if isinstance(value, bool | bytes):
        return None
    text = value if isinstance(value, str) else repr(value)
    if found := _DATE.fullmatch(text):
        return _calendar(*found.groups())
    if found := _EPOCH.fullmatch(text):
        whole, fraction = int(found[1]) * _NANOSECONDS, _nanoseconds(found[2])
        return whole - fraction if text.startswith("-") else whole + fraction
    return None


def _calendar(
    year: str,
    month: str | None,
    day: str | None,
    hour: str | None,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    zone: str | None,
) -> int | None:
    try:
        days = date(int(year), int(month or 1), int(day or 1)).toordinal() - _UNIX_DAY
    except ValueError:
        return None
    clock = (int(hour or 0), int(minute or 0), int(second or 0))
    offset = _offset(zone)
    if clock > (23, 59, 59) or max(clock[1:]) > 59 or offset is None:  # noqa: PLR2004 -- a clock
        return None
    seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2] - offset
    return seconds * _NANOSECONDS + _nanoseconds(fraction)


def _offset(zone: str | None) -> int | None:
    """Return the seconds that a zone is ahead of UTC, or None if there is no such zone."""
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 -- a clock
        return None
    seconds = hours * 3_600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds


def _nanoseconds(fraction: str | None) -> int:
    return int((fraction or "0").ljust(9, "0"))


def _compare(holds: Callable[[int, int], bool]) -> Callable[[Sequence[str], bool], Test]:
    def build(values: Sequence[str], _: bool) -> Test:  # noqa: FBT001 -- the shape of Build
        instants: list[int] = []
        for index, value in enumerate(values):
            instant = _instant(value)
            if instant is None:
                raise ValueListError(index, _EXPECTED)
            instants.append(instant)

        def test(value: Scalar, _: Env) -> bool | None:
            found = _instant(value)
            if found is None:
                return None
            return any(holds(found, instant) for instant in instants)

        return test

    return build


_equal = by_equality(_instant)
_above, _from = (by_order(_instant, count, above=True) for count in (bisect_right, bisect_left))
_below, _until = (by_order(_instant, count, above=False) for count in (bisect_left, bisect_right))

OPERATORS = (
    Operator("DateEquals", _compare(operator.eq), _equal),
    Operator("DateNotEquals", _compare(operator.eq), _equal, negated=True),
    Operator("DateLessThan", _compare(operator.lt), _above),
    Operator("DateLessThanEquals", _compare(operator.le), _from),
    Operator("DateGreaterThan", _compare(operator.gt), _below),
    Operator("DateGreaterThanEquals", _compare(operator.ge), _until),
)
