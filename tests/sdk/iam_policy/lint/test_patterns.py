"""Patterns against patterns, and against what single texts say about the same question."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_policy.globs import glob_matcher
from iam_policy.lint.patterns import covers, overlaps
from iam_policy.variables import tokenize_glob

PATTERNS = st.text("ab*?", max_size=6)
TEXTS = ["".join(letters) for size in range(6) for letters in product("abc", repeat=size)]


def matches(pattern: str) -> set[str]:
    test = glob_matcher(tokenize_glob(pattern))
    return {text for text in TEXTS if test(text)}


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "a?c*", True),
        ("a*", "a*b", True),
        ("a*b", "a*", False),
        ("?*", "*?", True),
        ("*?", "?", True),
        ("??", "*", False),
        ("a?", "ab", True),
        ("ab", "a?", False),
        ("*a*", "xxaxx", True),
        ("*a*b*", "*b*a*", False),
        ("a**", "a*", True),
    ],
)
def test_one_pattern_covers_another(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a*", "*b", True),
        ("a*", "b*", False),
        ("a?", "?b", True),
        ("a?", "a", False),
        ("*x*", "abc", False),
        ("*", "", True),
        ("a*c", "ab*d", False),
        ("?*", "", False),
    ],
)
def test_two_patterns_overlap(one: str, other: str, expected: bool) -> None:
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected


def test_a_variable_is_covered_by_itself_and_by_a_star() -> None:
    own, else_ = "user/${aws:username}", "user/${aws:userid}"
    assert covers(own, f"{own}", variables=True)
    assert covers("user/*", own, variables=True)
    assert covers("*/${aws:username}", own, variables=True)
    assert not covers(own, else_, variables=True)
    assert not covers("user/??????", own, variables=True)
    assert not covers(own, "user/alice", variables=True)


def test_a_variable_may_be_any_text() -> None:
    assert overlaps("user/${aws:username}", "user/alice", variables=True)
    assert not overlaps("user/${aws:username}", "role/app", variables=True)


def test_in_the_old_version_a_variable_is_its_own_text() -> None:
    assert not overlaps("user/${aws:username}", "user/alice")
    assert covers("user/?{aws:username}", "user/${aws:username}")


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATTERNS)
def test_what_is_covered_is_matched(wide: str, narrow: str) -> None:
    if covers(wide, narrow):
        assert matches(narrow) <= matches(wide)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATTERNS)
def test_what_does_not_overlap_matches_nothing_in_common(one: str, other: str) -> None:
    if not overlaps(one, other):
        assert not matches(one) & matches(other)


@settings(max_examples=300, deadline=None)
@given(st.text("ab*?", max_size=4), st.text("ab*?", max_size=4))
def test_what_overlaps_matches_some_text_in_common(one: str, other: str) -> None:
    # Two patterns of four characters meet in a text of five, unless both need all of theirs.
    if overlaps(one, other) and len(one.replace("*", "")) + len(other.replace("*", "")) <= 5:
        assert matches(one) & matches(other)


@settings(max_examples=300, deadline=None)
@given(PATTERNS)
def test_every_pattern_covers_and_overlaps_itself(pattern: str) -> None:
    assert covers(pattern, pattern)
    assert covers(pattern.replace("*", "**"), pattern)
    assert overlaps(pattern, pattern)
