"""The canonical text of JSON values, against the examples of RFC 8785."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam.journal.canonical import canonical


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 8785 appendix B.
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-1.7976931348623157e308, "-1.7976931348623157e+308"),
        (9007199254740992, "9007199254740992"),
        (295147905179352830000, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999900000, "999999999999999900000"),
        (1e21, "1e+21"),
        (0.000001, "0.000001"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (333333333.3333332, "333333333.3333332"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1424953923781206.2, "1424953923781206.2"),
        (4.50, "4.5"),
        (1.0, "1"),
        (2**53 + 1, "9007199254740992"),
        (10**400, "null"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (True, "true"),
        (None, "null"),
        ('\u20ac$\u000f\nA\'B"\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/"'),
        ("a\u2028\u007f", '"a\u2028\u007f"'),
        ("\ud800", '"?"'),
        ([1, "a", {}], '[1,"a",{}]'),
    ],
)
def test_a_value_has_one_spelling(value: Any, text: str) -> None:
    assert canonical(value).decode() == text


def test_members_are_sorted_by_utf_16_code_units() -> None:
    # RFC 8785 section 3.2.3.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    found = json.loads(canonical(dict.fromkeys(names)))
    assert list(found) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(_VALUES)
@settings(max_examples=50)
def test_what_is_read_back_has_the_same_text(value: Any) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text
