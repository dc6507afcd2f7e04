"""Whether two statements speak of the same, and whether one speaks of all that the other does.

Patterns are compared with patterns: nothing is asked yet, so there is no action and no resource to
match. Where it would take long to tell, or depends on a variable, the answer is the careful one:
they may overlap, and neither covers the other.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from iam.authz.suppositions import variables_as_wildcards
from iam_policy.compile import CompiledStatement

_MOST: Final = 200_000
"""Steps for two patterns: two long ones, full of wildcards, may come from hostile documents."""

Compare = Callable[[str, str], bool]


def overlap(one: CompiledStatement, other: CompiledStatement) -> bool:
    """Whether there may be an action on a resource that both are about."""
    return _meet(_actions(one), _actions(other)) and _meet(_resources(one), _resources(other))


def covers(one: CompiledStatement, other: CompiledStatement) -> bool:
    """Whether the one is about every action on every resource that the other is about."""
    return _contains(_actions(one), _actions(other)) and _contains(
        _resources(one), _resources(other)
    )


def patterns_overlap(one: str, other: str) -> bool:
    """Whether some text matches both wildcard patterns."""
    if _heads_differ(one, other):
        return False
    if len(one) * len(other) > _MOST:
        return True
    return _share_a_text(one, other)


def pattern_covers(one: str, other: str) -> bool:
    """Whether every text that matches the other pattern matches this one."""
    if one in {"*", other}:
        return True
    if len(one) * len(other) > _MOST:
        return False
    return _matches(one, other)


class Patterns(NamedTuple):
    """The patterns of an element.

    Attributes:
        widest: With variables taken for anything.
        surest: Those without variables.
        is_excepting: Everything but them is meant.
    """

    widest: tuple[str, ...]
    surest: tuple[str, ...]
    is_excepting: bool


def _actions(statement: CompiledStatement) -> Patterns:
    texts = tuple(one.text for one in statement.actions)
    return Patterns(texts, texts, statement.not_action)


def _resources(statement: CompiledStatement) -> Patterns:
    if not statement.resources:  # a trust policy: the role itself
        return Patterns(("*",), ("*",), is_excepting=False)
    texts = tuple(one.text for one in statement.resources)
    if not statement.variables:
        return Patterns(texts, texts, statement.not_resource)
    widest = tuple(map(variables_as_wildcards, texts))
    surest = tuple(text for text, wide in zip(texts, widest, strict=True) if text == wide)
    return Patterns(widest, surest, statement.not_resource)


def _meet(one: Patterns, other: Patterns) -> bool:
    if one.is_excepting and other.is_excepting:
        return True
    if one.is_excepting:
        return not all(_any(one.surest, pattern, pattern_covers) for pattern in other.widest)
    if other.is_excepting:
        return _meet(other, one)
    return any(_any(one.widest, pattern, patterns_overlap) for pattern in other.widest)


def _contains(one: Patterns, other: Patterns) -> bool:
    if one.is_excepting and other.is_excepting:
        return all(_any(other.surest, pattern, pattern_covers) for pattern in one.widest)
    if one.is_excepting:
        return not any(_any(one.widest, pattern, patterns_overlap) for pattern in other.widest)
    if other.is_excepting:
        return "*" in one.surest
    return all(_any(one.surest, pattern, pattern_covers) for pattern in other.widest)


def _any(patterns: Iterable[str], other: str, compare: Compare) -> bool:
    return any(compare(one, other) for one in patterns)


def _heads_differ(one: str, other: str) -> bool:
    """Whether they differ before the first wildcard of either: most pairs do."""
    for a, b in zip(one, other, strict=False):
        if a in "*?" or b in "*?":
            return False
        if a != b:
            return True
    return False


def _share_a_text(one: str, other: str) -> bool:
    """Walk both at once; `reached` are the places in `other` that go with the place in `one`."""
    reached = _skipping(other, {0})
    for wanted in one:
        following: set[int] = set()
        if wanted == "*":
            following = set(range(min(reached, default=len(other) + 1), len(other) + 1))
        else:
            for place in reached:
                if place == len(other):
                    continue
                found = other[place]
                if found == "*":
                    following.add(place)
                elif found == wanted or "?" in {found, wanted}:
                    following.add(place + 1)
        reached = _skipping(other, following)
        if not reached:
            return False
    return len(other) in reached


def _skipping(text: str, places: set[int]) -> set[int]:
    """With the places behind each `*`, which may stand for nothing."""
    found = set(places)
    for place in sorted(places):
        following = place
        while following < len(text) and text[following] == "*":
            following += 1
            found.add(following)
    return found


def _matches(pattern: str, text: str) -> bool:
    """Match a pattern whose wildcards are characters of their own: only a `*` matches a `*`."""
    place = at = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and _matches_one(pattern[place], text[at]):
            place, at = place + 1, at + 1
        elif star >= 0:
            resume += 1
            place, at = star + 1, resume
        else:
            return False
    return not pattern[place:].strip("*")


def _matches_one(wanted: str, found: str) -> bool:
    return found != "*" and (wanted in {"?", found})
