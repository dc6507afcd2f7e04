"""``BinaryEquals``: the policy holds base64 text; the request bytes, or base64 text as well."""

import binascii
from base64 import b64decode
from collections.abc import Sequence

from iam_policy.conditions.lookups import by_equality
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.variables import Env, Scalar


def _bytes(value: Scalar) -> bytes | None:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return None
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _equals(values: Sequence[str], _: bool) -> Test:  # noqa: FBT001 -- the shape of Build
    wanted: set[bytes] = set()
    for index, value in enumerate(values):
        content = _bytes(value)
        if content is None:
            raise ValueListError(index, "base64 text")
        wanted.add(content)

    def test(value: Scalar, _: Env) -> bool | None:
        return _bytes(value) in wanted

    return test


OPERATORS = (Operator("BinaryEquals", _equals, by_equality(_bytes)),)
