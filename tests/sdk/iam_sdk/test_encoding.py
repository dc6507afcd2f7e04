"""Base64url has one spelling for each value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_sdk.encoding import b64url_decode, b64url_encode, encode_json_segment


@given(st.binary(max_size=200))
def test_what_is_encoded_decodes_to_itself(data: bytes) -> None:
    assert b64url_decode(b64url_encode(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "AQ==",  # padding
        "AR",  # unused bits that are not zero
        "A",  # no octet has six bits
        "A+/A",
        "AQ ",
        "AQ\n",
        "AQ\x00",
        "A.QA",
        "AQID=",
        "=AQID",
        "AQ==AQ",
        "äöü",
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        b64url_decode(text)


def test_a_json_segment_is_compact_utf_8() -> None:
    assert b64url_decode(encode_json_segment({"a": "é", "b": 1})) == '{"a":"é","b":1}'.encode()
