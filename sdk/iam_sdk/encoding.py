"""Base64url as JOSE means it (RFC 7515 section 2): one spelling for each value, and only that."""

import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
# What a value may end in, by the length of its spelling modulo 4: the bits of the last character
# that belong to no octet are zero. No value has a length of 1 modulo 4.
_LAST: Final = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")


def b64url_encode(data: bytes) -> str:
    """Spell ``data`` in base64url without padding."""
    standard = binascii.b2a_base64(data, newline=False)
    return standard.translate(_TO_URL_SAFE).rstrip(b"=").decode("ascii")


def b64url_decode(text: str | bytes) -> bytes:
    """Read the canonical base64url spelling of a value.

    Raises ValueError for anything else: padding, white space, ``+`` and ``/``, unused bits that
    are not zero, foreign characters.
    """
    raw = text.encode("ascii") if isinstance(text, str) else text
    # Python's decoder skips characters that it does not know and drops unused bits.
    if raw.translate(None, _ALPHABET) or (raw and raw[-1] not in _LAST[len(raw) & 3]):
        raise ValueError("not canonical base64url")
    return binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"==")


def encode_json_segment(value: Mapping[str, Any]) -> str:
    """Spell a JOSE header or a claims set as one part of a compact serialization."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return b64url_encode(text.encode())
