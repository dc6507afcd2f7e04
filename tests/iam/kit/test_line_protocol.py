import math

import pytest

from iam.kit.line_protocol import line


def test_tags_are_sorted_and_the_value_is_a_float() -> None:
    assert line("m", {"b": "2", "a": "1"}, 3, 7) == "m,a=1,b=2 value=3.0 7"
    assert line("m", {}, 1e300, 0) == "m value=1e+300 0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", r"a\ b"),
        ("a,b", r"a\,b"),
        ("a=b", r"a\=b"),
        ('a"b', 'a"b'),
        ("a\\b", "a\\b"),
        ("a\\", "a"),
        ("a\nb", r"a\nb"),
        ("a\r\n", r"a\r\n"),
        ("ü", "ü"),
    ],
)
def test_what_would_end_a_tag_is_escaped(text: str, expected: str) -> None:
    assert line("m", {"t": text}, 0, 1) == f"m,t={expected} value=0.0 1"


def test_a_measurement_keeps_its_equals_sign() -> None:
    assert line("a b,c=d", {}, 0, 1) == r"a\ b\,c=d value=0.0 1"


def test_what_the_protocol_has_no_form_for_is_left_out() -> None:
    assert line("m", {"t": "", "u": "\\"}, 0, 1) == "m value=0.0 1"
    assert [line("m", {}, value, 1) for value in (math.nan, math.inf, -math.inf)] == [None] * 3
