import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_policy.globs import Gapped, glob_matcher
from iam_policy.variables import tokenize_glob
from tests.sdk.iam_policy.reference_values import glob


def matches(pattern: str, text: str) -> bool:
    return glob_matcher(tokenize_glob(pattern))(text)


@settings(max_examples=500)
@given(st.text("ab*?", max_size=8), st.text("ab\U0001f600", max_size=10))
def test_a_glob_matches_as_a_plain_matcher_says(pattern: str, text: str) -> None:
    assert matches(pattern, text) == glob(list(pattern), text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("*", "", True),
        ("*", "a\nb", True),
        ("?", "", False),
        ("?", "\n", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("*a?c*", "xxabcxx", True),
        ("*a?c*", "xxabxcx", False),
        ("*?a*", "a", False),
        ("*??*", "ab", True),
        ("a.c", "abc", False),
        ("[a]*", "[a]b", True),
    ],
)
def test_wildcards_mean_what_they_say(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def test_a_gapped_piece_is_found_leftmost() -> None:
    piece = Gapped(tokenize_glob("a?b"))
    assert piece.width == 3
    assert piece.find("xaabacb", 0, 7) == 1
    assert piece.find("xaabacb", 2, 7) == 4
    assert piece.find("xaabacb", 2, 6) == -1
    assert piece.find("xaabacb", 6, 7) == -1


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 2_500 + "b", "a" * 5_000),
        ("*" + "a" * 2_000 + "b*", "a" * 5_000),
        ("*a*a*a*a*a*b", "a" * 5_000),
        ("*" + "a?" * 200 + "b*", "a" * 5_000),
        ("a*" * 2_500, "a" * 4_999),
    ],
)
def test_ds_05_hostile_wildcards_cost_linear_time(pattern: str, text: str) -> None:
    matcher = glob_matcher(tokenize_glob(pattern))
    started = time.process_time()
    matcher(text)
    first = time.process_time() - started
    assert first < 0.05  # a backtracking matcher takes minutes; the bar is 1 ms on a quiet machine
