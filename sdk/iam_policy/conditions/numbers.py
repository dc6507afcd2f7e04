"""Numeric operators: decimal numbers, compared exactly.

``float()`` would take ``nan``, ``inf``, ``1_0`` and `` 1 ``; a policy must not.
"""

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal

from iam_policy.conditions.lookups import by_equality, by_order
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.variables import Env, Scalar

_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_EXPECTED = "an integer or a decimal number such as 10 or 2.5"


def _number(value: Scalar) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def _compare(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[Sequence[str], bool], Test]:
    def build(values: Sequence[str], _: bool) -> Test:  # noqa: FBT001 -- the shape of Build
        numbers: list[Decimal] = []
        for index, value in enumerate(values):
            number = _number(value)
            if number is None:
                raise ValueListError(index, _EXPECTED)
            numbers.append(number)

        def test(value: Scalar, _: Env) -> bool | None:
            found = _number(value)
            if found is None:
                return None
            return any(holds(found, number) for number in numbers)

        return test

    return build


_equal = by_equality(_number)
_above, _from = (by_order(_number, count, above=True) for count in (bisect_right, bisect_left))
_below, _until = (by_order(_number, count, above=False) for count in (bisect_left, bisect_right))

OPERATORS = (
    Operator("NumericEquals", _compare(operator.eq), _equal),
    Operator("NumericNotEquals", _compare(operator.eq), _equal, negated=True),
    Operator("NumericLessThan", _compare(operator.lt), _above),
    Operator("NumericLessThanEquals", _compare(operator.le), _from),
    Operator("NumericGreaterThan", _compare(operator.gt), _below),
    Operator("NumericGreaterThanEquals", _compare(operator.ge), _until),
)
