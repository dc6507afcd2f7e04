"""Numeric operators: decimal numbers, compared exactly.

``float()`` would take ``nan``, ``inf``, ``1_0`` and `` 1 ``; a policy must not.
"""

import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

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


OPERATORS = (
    Operator("NumericEquals", _compare(operator.eq)),
    Operator("NumericNotEquals", _compare(operator.eq), negated=True),
    Operator("NumericLessThan", _compare(operator.lt)),
    Operator("NumericLessThanEquals", _compare(operator.le)),
    Operator("NumericGreaterThan", _compare(operator.gt)),
    Operator("NumericGreaterThanEquals", _compare(operator.ge)),
)
