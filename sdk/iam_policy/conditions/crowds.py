"""All conditions of one operator on one key, asked at once which of them fail.

It leaves out only what fails for certain. What it cannot tell (a value of an odd type) it lets
pass: whoever asks reads the condition itself then.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from iam_policy.conditions.lookups import Places, bits, packed
from iam_policy.conditions.registry import (
    FOR_ALL,
    FOR_ANY,
    Condition,
    Operator,
    fails_without,
    parsed_operator,
    values_of,
)
from iam_policy.variables import Env, Scalar, tokenize

_ALL = -1  # every bit is set
# Looked up by class: a subclass may compare otherwise than its text does.
_PLAIN = {str, bool, int, float, bytes}
_LISTS = {list, tuple, set, frozenset}


class Member(NamedTuple):
    """One condition.

    Attributes:
        place: Of the statement, among those that are sifted.
        values: As the policy lists them.
        condition: What they were compiled to.
        is_template: Whether any of the values holds a variable.
    """

    place: int
    values: tuple[str, ...]
    condition: Condition
    is_template: bool


class Crowd:
    """Conditions of one operator on one key."""

    __slots__ = (
        "_is_absence",
        "_key",
        "_literal",
        "_lookup",
        "_negated",
        "_quantifier",
        "_templated",
        "_templates",
        "_without",
    )

    def __init__(self, operator: str, key: str, members: Sequence[Member]) -> None:
        self._quantifier, found, _ = parsed_operator(operator)
        self._negated = found.negated
        self._is_absence = found.is_absence
        self._key = key
        self._without = 0 if fails_without(operator, ()) else _ALL
        lines: dict[str, list[int]] = {}
        for place, values, _, is_template in members:
            for value in () if is_template else values:
                lines.setdefault(value, []).append(place)
        self._lookup = found.gather(lines)
        self._literal = bits([member.place for member in members if not member.is_template])
        templates = [member for member in members if member.is_template]
        self._templates = _templates(found, templates)
        self._templated = bits([member.place for member in templates])

    def failing(self, env: Env) -> int:
        """Return the places whose condition fails for certain."""
        try:
            failing = self._literal & ~self._holding(env) if self._literal else 0
            value = env.get(self._key) if self._templates else None
            text = str(value) if value.__class__ is str else None
            holding = 0
            for needle, condition, places in self._templates:
                if (text is None or needle in text) and condition(env):
                    holding |= bits(places)
        except Exception:  # noqa: BLE001 -- who reads the condition itself meets it there
            return 0
        return failing | (self._templated & ~holding)

    def _holding(self, env: Env) -> int:
        """Return a set that includes every place whose condition holds."""
        if self._is_absence:
            return self._equal_to(not values_of(env, self._key))
        value = env.get(self._key)
        if value is None:
            return self._without
        kind: type = value.__class__
        if kind in _PLAIN:
            return self._equal_to(cast("Scalar", value))
        return self._holding_list(cast("Sequence[Scalar]", value)) if kind in _LISTS else _ALL

    def _holding_list(self, values: Sequence[Scalar]) -> int:
        if any(value.__class__ not in _PLAIN for value in values):
            return _ALL
        if self._quantifier == FOR_ALL:
            found = _ALL
            for value in values:
                found &= self._equal_to(value)
            return found
        found = 0
        for value in values if self._quantifier == FOR_ANY else ():
            found |= self._equal_to(value)
        return found

    def _equal_to(self, value: Scalar) -> int:
        found = self._lookup(value)
        if found is None:
            return 0
        return ~found if self._negated else found


def _templates(
    operator: Operator, members: Sequence[Member]
) -> list[tuple[str, Condition, Places]]:
    """Put equal conditions together, each with a text without which it cannot hold."""
    places: dict[tuple[str, ...], list[int]] = {}
    conditions: dict[tuple[str, ...], Condition] = {}
    for place, values, condition, _ in members:
        places.setdefault(values, []).append(place)
        conditions[values] = condition
    return [
        (_needle(operator, values), condition, packed(places[values]))
        for values, condition in conditions.items()
    ]


def _needle(operator: Operator, values: tuple[str, ...]) -> str:
    # Folded text may have another form in the middle of a word than at its end.
    if operator.negated or operator.folds or len(values) > 1:
        return ""
    tokens = tokenize(values[0], variables=True)
    return max((token for token in tokens if isinstance(token, str)), key=len, default="")
