"""Condition operators, one file a family; importing this package registers them all."""

from iam_policy.conditions import arns, binary, booleans, dates, networks, numbers, strings
from iam_policy.conditions.registry import (
    Condition,
    OperatorError,
    ValueListError,
    bind_condition,
    operator_names,
    register,
)

for family in (strings, numbers, dates, booleans, binary, networks, arns):
    register(*family.OPERATORS)

__all__ = [
    "Condition",
    "OperatorError",
    "ValueListError",
    "bind_condition",
    "operator_names",
]
