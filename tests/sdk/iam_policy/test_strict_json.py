import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_policy import JsonError, JsonLimits, parse_json
from iam_policy.strict_json import DuplicateMemberError, parse_repeating

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(VALUES)
def test_valid_json_reads_as_python_reads_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert parse_json(text) == value
        assert parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":1,"a":2}', "the same member twice in one object"),
        (b'{"a":{"b":1,"\\u0062":2}}', "the same member twice in one object"),
        (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
        ("\ufeff{}", "begins with a byte order mark"),
        ('{"a":1}'.encode("utf-16"), "not valid UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not valid JSON at character 1"),
        (b'"\xff"', "not valid UTF-8"),
        (b'"\xed\xa0\x80"', "not valid UTF-8"),
        ('"\ud800"', "not valid UTF-8"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"\\udc00x":1}', "half of a surrogate pair"),
        (b'[1,{"a":["\\uD83D"]}]', "half of a surrogate pair"),
        (b"NaN", "NaN and Infinity are not JSON"),
        (b"[-Infinity]", "NaN and Infinity are not JSON"),
        (b"1e400", "a number out of range"),
        (b"-1e400", "a number out of range"),
        (b"123456789012345678901", "a number of more than 20 digits"),
        (b"0.12345678901234567890", "a number of more than 20 digits"),
        (b"[1" + b"0" * 5_000 + b"]", "a number of more than 20 digits"),
        (b"", "not valid JSON at character 0"),
        (b"{} {}", "not valid JSON at character 3"),
        (b'"a\nb"', "not valid JSON at character 2"),
        (b"[1,]", "not valid JSON at character 3"),
        (b"{'secret':1}", "not valid JSON at character 1"),
        (b"01", "not valid JSON at character 1"),
    ],
)
def test_jv_11_what_two_readers_could_read_differently_is_refused(
    data: bytes | str, reason: str
) -> None:
    with pytest.raises(JsonError) as caught:
        parse_json(data)
    assert caught.value.reason == reason
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("number", ["-12345678901234567890", "1.2345678901234567890", "1e300"])
def test_signs_and_points_are_not_digits(number: str) -> None:
    assert parse_json(number) == json.loads(number)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse_json(b'["\\ud83d\\ude00", 1]') == ["\U0001f600", 1]


def test_depth_is_counted_outside_strings_only() -> None:
    assert parse_json("[" * 32 + "]" * 32)
    with pytest.raises(JsonError, match="nested deeper than 32"):
        parse_json("[" * 33 + "]" * 33)
    assert parse_json(json.dumps(["[{" * 100, '"[\\"' * 50])) == ["[{" * 100, '"[\\"' * 50]


def test_many_flat_objects_are_not_deep() -> None:
    assert len(parse_json("[" + ",".join(["{}"] * 100) + "]")) == 100


def test_members_are_bounded_in_one_object_and_in_all() -> None:
    assert len(parse_json(json.dumps(dict.fromkeys(map(str, range(1_000)))))) == 1_000
    with pytest.raises(JsonError, match="more than 1000 members in one object"):
        parse_json(json.dumps(dict.fromkeys(map(str, range(1_001)))))
    assert len(parse_json(json.dumps([0] * 10_000))) == 10_000
    with pytest.raises(JsonError, match="more than 10000 members"):
        parse_json(json.dumps([0] * 10_001))
    assert parse_json(json.dumps("," * 20_000)) == "," * 20_000


def test_length_is_counted_in_bytes() -> None:
    limits = JsonLimits(max_bytes=4)
    assert parse_json('"é"', limits) == "é"
    for data in ('"éé"', b'"abc"', '"abc"'):
        with pytest.raises(JsonError, match="longer than 4 bytes"):
            parse_json(data, limits)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"1," * 200_000 + b"1]",
        b'{"a":"' + b"x" * (1 << 20) + b'"}',
        b"9" * 5_000,
        b'"' + b"\\" * 500_000,
        b'["",' * 100_000,
    ],
)
def test_ds_01_hostile_json_is_refused_quickly(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(JsonError):
        parse_json(data)
    assert time.process_time() - started < 0.25  # the bar is 50 ms on a quiet machine


def test_members_that_come_twice_are_found_everywhere_in_the_order_of_the_text() -> None:
    text = '{"a":1,"b":[{"c":1,"d":2,"d":3,"c":4,"c":5}],"a":{"e":{"f":1,"f":2}}}'
    value, found = parse_repeating(text)
    assert value == {"a": {"e": {"f": 2}}, "b": [{"c": 5, "d": 3}]}
    assert found == (("a",), ("a", "e", "f"), ("b", 0, "d"), ("b", 0, "c"))


def test_a_text_without_repetition_has_none_and_what_else_is_wrong_is_refused() -> None:
    assert parse_repeating('[1,{"a":2}]') == ([1, {"a": 2}], ())
    for data in ("{", '{"a":NaN,"a":1}', '["\\ud800"]', "[" * 40):
        with pytest.raises(JsonError):
            parse_repeating(data)


def test_a_duplicate_member_is_its_own_error() -> None:
    with pytest.raises(DuplicateMemberError):
        parse_json('{"a":1,"a":1}')
