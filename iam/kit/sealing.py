"""Encryption at rest: what we must read again is sealed under a master key from a file.

A sealed value is ``version (1) | key id (8) | nonce (12) | AES-256-GCM ciphertext and tag``. The
associated data is the place where it is stored, so a value that is moved to another row, column or
account does not open. The key id says which master key sealed it: the current key seals, older ones
still open, and ``is_current`` finds what a rotation has yet to re-seal.

Nonces are random 96-bit numbers: one master key is good for 2**32 sealings (NIST SP 800-38D,
section 8.3).
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iam.errors import ErrorKind, IamError, unavailable
from iam.kit.framing import framed
from iam.kit.private_files import create_private_file, read_private_file

_VERSION = b"\x01"
_MASTER_KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_HEX_KEY = re.compile(rb"[0-9a-fA-F]{64}\n?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value is stored; it opens nowhere else."""

    table: str
    column: str
    row_id: str
    account: str


class SealError(IamError):
    """A sealed value does not open: it was changed or moved, or its master key is not at hand.

    Which of these is not told to the caller; ``place`` is for the operator's log.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, "seal_broken", "a stored secret cannot be read")
        self.place = place


class Sealer:
    """Seals and opens values, and derives keys for other purposes from the same master key.

    Args:
        master_key: 32 bytes; seals, opens, and is where subkeys come from.
        older: Master keys that only open what they once sealed.
    """

    def __init__(self, master_key: bytes, *, older: Sequence[bytes] = ()) -> None:
        self._master_keys = (master_key, *older)
        self._ciphers = {
            _derive(key, "key id", _KEY_ID_BYTES): AESGCM(_derive(key, "sealing"))
            for key in self._master_keys
        }
        self._current_id, self._current = next(iter(self._ciphers.items()))

    @property
    def key_id(self) -> str:
        """The public name of the current master key; stored, it tells a wrong key at the start."""
        return self._current_id.hex()

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Encrypt ``plain`` for this place."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._current.encrypt(nonce, plain, _associated(place))
        return _VERSION + self._current_id + nonce + ciphertext

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt what was sealed for this place; raise ``SealError`` for anything else."""
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:][:_NONCE_BYTES]
        cipher = self._ciphers.get(header[len(_VERSION) :])
        if cipher is None or not header.startswith(_VERSION) or len(nonce) < _NONCE_BYTES:
            raise SealError(place)
        try:
            return cipher.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], _associated(place))
        except InvalidTag:
            raise SealError(place) from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the current master key sealed it; if not, a rotation has still to re-seal it."""
        return sealed.startswith(_VERSION + self._current_id)

    def subkey(self, purpose: str) -> bytes:
        """32 bytes for this purpose only, from the current master key by HKDF-SHA256 (RFC 5869)."""
        return self.subkeys(purpose)[0]

    def subkeys(self, purpose: str) -> list[bytes]:
        """``subkey`` for every master key: sign with the first, which is current; accept all."""
        return [_derive(key, framed("subkey", purpose)) for key in self._master_keys]


def create_master_key(path: Path) -> bytes:
    """Make a new master key (32 random bytes) in a new file, as 64 hexadecimal digits.

    The file has mode 0600 and is durable when this returns; an existing one is never replaced
    (conflict, ``file_exists``), because with it all that it sealed would be lost.
    """
    key = os.urandom(_MASTER_KEY_BYTES)
    create_private_file(path, key.hex().encode() + b"\n")
    return key


def load_master_key(path: Path) -> bytes:
    """Read the master key from a file of 64 hexadecimal digits.

    ``openssl rand -hex 32`` prints one.

    Raises ``IamError`` (unavailable): ``master_key_empty``, ``master_key_malformed``, or what
    ``read_private_file`` says of a missing or exposed file. A key is never made here: starting with
    a new key instead of the lost one would hide the loss.
    """
    content = read_private_file(path)
    if not content.strip():
        raise unavailable("master_key_empty", f"expected a key in `{path}`, found an empty file")
    if _HEX_KEY.fullmatch(content) is None:
        raise unavailable(
            "master_key_malformed",
            f"expected 64 hexadecimal digits in `{path}`, found other text",
        )
    return bytes.fromhex(content.decode("ascii"))


def _derive(master_key: bytes, purpose: str, length: int = 32) -> bytes:
    if len(master_key) != _MASTER_KEY_BYTES:
        raise ValueError(f"expected a master key of {_MASTER_KEY_BYTES} bytes")
    return HKDF(SHA256(), length, salt=None, info=f"iam {purpose}".encode()).derive(master_key)


def _associated(place: Place) -> bytes:
    return framed(place.table, place.column, place.row_id, place.account).encode()
