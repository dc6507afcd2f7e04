"""Secrets that we hand out: random, recognisable offline, minted together with their hash.

The form is ``iam_{kind}_{random}{checksum}``: 43 base-62 characters that carry 256 random bits, and
6 that carry the CRC-32 of everything before them. A scanner that finds the form and a right
checksum is certain without asking anyone. Because 256 random bits cannot be guessed, plain SHA-256
is what is stored; shorter secrets and passwords need more.
"""

import hashlib
import os
import re
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum, unique

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE62_PAIRS = tuple(high + low for high in _BASE62 for low in _BASE62)
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # 62**43 > 2**256
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32
_CODE_BYTES = 8
_CODE_GROUP = 4


@unique
class SecretKind(StrEnum):
    """What a secret is good for; the value stands in its text."""

    CLIENT_SECRET = "cs"  # noqa: S105  # a prefix, not a password
    PERSONAL_ACCESS_TOKEN = "pat"  # noqa: S105  # a prefix, not a password
    REFRESH_TOKEN = "rt"  # noqa: S105  # a prefix, not a password
    TICKET = "ticket"


SECRET_PATTERN = (
    rf"\biam_(?:{'|'.join(SecretKind)})_(?:[0-9A-Za-z_]{{1,40}}\.){{0,2}}"
    rf"[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}(?![0-9A-Za-z])"
)
"""For secret scanners: every secret of ours.

Up to two dotted fields may stand before the random part, as in refresh tokens. A hit is certain
only if ``is_secret`` agrees.
"""
_FORM = re.compile(SECRET_PATTERN)


@dataclass(frozen=True, slots=True)
class MintedSecret:
    """A new secret and the hash to store; ``text`` is shown once and never kept."""

    text: str = field(repr=False)
    hash: bytes


def mint_secret(kind: SecretKind) -> MintedSecret:
    """A new secret of 256 random bits, with its SHA-256."""
    text = with_checksum(f"iam_{kind}_{base62(os.urandom(_SECRET_BYTES), _SECRET_LENGTH)}")
    return MintedSecret(text, hash_secret(text))


def mint_webhook_secret() -> str:
    """256 random bits in the form that Standard Webhooks want; sealed, because we sign with it."""
    return f"whsec_{b64encode(os.urandom(_SECRET_BYTES)).decode()}"


def mint_code() -> str:
    """64 random bits that a person can type: hexadecimal digits in groups of four."""
    digits = os.urandom(_CODE_BYTES).hex()
    return "-".join(digits[i : i + _CODE_GROUP] for i in range(0, len(digits), _CODE_GROUP))


def is_secret(text: str, kind: SecretKind) -> bool:
    """Whether ``text`` has the form and the checksum of a secret of this kind.

    That says nothing about its validity, but spares the database the look-up of what cannot be a
    secret.
    """
    if not text.startswith(f"iam_{kind}_") or _FORM.fullmatch(text) is None:
        return False
    # The checksum guards against typing errors, not attackers: any comparison will do.
    return with_checksum(text[:-_CHECKSUM_LENGTH]) == text


def with_checksum(body: str) -> str:
    """``body`` (ASCII) and the six base-62 characters of its CRC-32."""
    return body + base62(zlib.crc32(body.encode("ascii")).to_bytes(4), _CHECKSUM_LENGTH)


def hash_secret(text: str) -> bytes:
    """The SHA-256 (32 bytes) under which a secret of 256 random bits is stored and looked up."""
    return hashlib.sha256(text.encode()).digest()


def spread(duration: timedelta, fraction: float = 0.2) -> timedelta:
    """``duration`` shortened by a random part of up to ``fraction`` of it.

    So a fleet does not act in the same moment. It is never lengthened: a default that is also a
    promise ("90 days at most") stays true.
    """
    if not 0 <= fraction <= 1:
        raise ValueError("expected a fraction between 0 and 1")
    return duration * (1 - fraction * (int.from_bytes(os.urandom(8)) / 2**64))


def base62(value: bytes, length: int) -> str:
    """``value``, a big-endian number, as exactly ``length`` base-62 characters.

    Raises ``OverflowError`` if it does not fit: a secret is never cut silently.
    """
    number = int.from_bytes(value)
    pairs: list[str] = []
    for _ in range((length + 1) // 2):
        number, pair = divmod(number, 3844)
        pairs.append(_BASE62_PAIRS[pair])
    text = "".join(reversed(pairs))
    excess = len(text) - length
    if number or text[:excess].strip("0"):
        raise OverflowError(f"{len(value)} bytes do not fit into {length} base-62 characters")
    return text[excess:]
