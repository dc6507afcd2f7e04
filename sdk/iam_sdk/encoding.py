"""Base64url as JOSE means it (RFC 7515 section 2): one spelling for each value, and only that."""

import binascii
import json
from collections.abc import Mapping
from typing import Any

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def b64url_encode(data: bytes) -> str:
    """Spell ``data`` in base64url without padding."""
    return _encode(data).decode("ascii")


def b64url_decode(text: str | bytes) -> bytes:
    """Read the canonical base64url spelling of a value.

    Raises ValueError for anything else: padding, white space, ``+`` and ``/``, unused bits that
    are not zero, foreign characters.
    """
    raw = text.encode("ascii") if isinstance(text, str) else text
    data = binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"=" * (-len(raw) % 4))
    # Python's decoder skips what it does not know. To spell the value again and compare finds
    # every deviation at once, and costs less than looking at the characters.
    if _encode(data) != raw:
        raise ValueError("not canonical base64url")
    return data


def encode_json_segment(value: Mapping[str, Any]) -> str:
    """Spell a JOSE header or a claims set as one part of a compact serialization."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return b64url_encode(text.encode())


def _encode(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=")
