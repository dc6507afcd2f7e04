"""``Bool``, and ``Null``, whose value is a boolean about whether the key is there."""

from collections.abc import Sequence

from iam_policy.conditions.lookups import by_equality
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.variables import Env, Scalar

_WORDS = {"true": True, "false": False}


def _boolean(value: Scalar) -> bool | None:
    if isinstance(value, bool):
        return value
    return _WORDS.get(value.lower()) if isinstance(value, str) else None


def _equals(values: Sequence[str], _: bool) -> Test:  # noqa: FBT001 -- the shape of Build
    wanted: set[bool] = set()
    for index, value in enumerate(values):
        boolean = _boolean(value)
        if boolean is None:
            raise ValueListError(index, 'true or false, also as a text, "true"')
        wanted.add(boolean)

    def test(value: Scalar, _: Env) -> bool | None:
        return _boolean(value) in wanted

    return test


_equal = by_equality(_boolean)

OPERATORS = (Operator("Bool", _equals, _equal), Operator("Null", _equals, _equal))
