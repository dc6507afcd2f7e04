"""ARN operators: six segments compared one by one, wildcards in each.

Unlike ``StringLike``, a star in one of the first five segments cannot run across a colon; the
sixth takes the rest. ``ArnEquals`` and ``ArnLike`` are the same operator under two names.
"""

from collections.abc import Callable, Sequence

from iam_policy.conditions.patterns import Matches, by_pattern
from iam_policy.conditions.registry import Operator, Test, ValueListError
from iam_policy.conditions.strings import template
from iam_policy.globs import Wild
from iam_policy.names import SEGMENTS
from iam_policy.variables import Env, Scalar, Token, Variable, matcher

_EXPECTED = "an ARN of six segments, with * and ? allowed, or * alone, or one variable alone"
_Match = Callable[[list[str], Env], bool]


def _pattern(values: Sequence[str], index: int, *, variables: bool) -> _Match:
    tokens = template(values, index, variables=variables, wildcards=True)
    if len(tokens) == 1 and isinstance(tokens[0], Variable):
        variable = tokens[0]
        return lambda parts, env: variable.resolve(env) == ":".join(parts)
    if tokens == [Wild.STAR]:
        return lambda _, __: True
    segments = [matcher(segment) for segment in _segments(tokens)]
    if len(segments) != SEGMENTS:
        raise ValueListError(index, _EXPECTED)
    return lambda parts, env: all(
        matches(part, env) for matches, part in zip(segments, parts, strict=True)
    )


def _segments(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut at the first five colons of the literal text; a variable's value cannot add one."""
    segments: list[list[Token]] = [[]]
    for token in tokens:
        if not isinstance(token, str):
            segments[-1].append(token)
            continue
        first, *others = token.split(":", SEGMENTS - len(segments))
        segments[-1].append(first)
        segments.extend([text] for text in others)
    return segments


def _like(values: Sequence[str], variables: bool) -> Test:  # noqa: FBT001 -- the shape of Build
    patterns = [_pattern(values, index, variables=variables) for index in range(len(values))]

    def test(value: Scalar, env: Env) -> bool | None:
        name = _name(value)
        if name is None:
            return None  # not an ARN: neither ArnLike nor ArnNotLike holds
        parts = name.split(":", SEGMENTS - 1)
        return any(matches(parts, env) for matches in patterns)

    return test


def _name(value: Scalar) -> str | None:
    """Return an ARN, or None for what is none."""
    if not isinstance(value, str) or not value.startswith("arn:"):
        return None
    return value if value.count(":") >= SEGMENTS - 1 else None


def _matching(text: str) -> Matches:
    matches = _pattern((text,), 0, variables=False)
    return lambda name: matches(name.split(":", SEGMENTS - 1), {})


# An ARN without wildcards matches itself only, and text between wildcards occurs in what matches,
# across colons as well: both hold for ARNs as for any pattern.
_alike = by_pattern(_name, _matching)

OPERATORS = (
    Operator("ArnEquals", _like, _alike),
    Operator("ArnLike", _like, _alike),
    Operator("ArnNotEquals", _like, _alike, negated=True),
    Operator("ArnNotLike", _like, _alike, negated=True),
)
