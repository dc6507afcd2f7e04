"""Encryption at rest: what we must read again is sealed under a master key from a file.

A sealed value is ``version (1) | key id (8) | nonce (12) | AES-256-GCM ciphertext and tag``. The
associated data is the place where it is stored, so a value that is moved to another row, column or
account does not open. The key id says which master key sealed it: the current key seals, the others
still open, and ``sealed_by`` finds what a rotation has yet to re-seal.

The file may hold several keys, one a line. Which of them is current, the database says
(``Sealer.use``), so that all replicas change over together once each of them has the new one.

Nonces are random 96-bit numbers: one master key is good for 2**32 sealings (NIST SP 800-38D,
section 8.3).
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iam.errors import ErrorKind, IamError, unavailable
from iam.kit.framing import framed
from iam.kit.private_files import create_private_file, read_private_file, replace_private_file

_VERSION = b"\x01"
_MASTER_KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_REREAD_SECONDS = 1.0
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
HEADER_BYTES = _HEADER_BYTES
"""How much of a sealed value says by which key it was sealed."""
_HEX_KEYS = re.compile(rb"(?:[0-9a-fA-F]{64}\n)*[0-9a-fA-F]{64}\n?")

Reread = Callable[[], Sequence[bytes]]
"""Reads the master keys from where they came from once more; raises ``IamError`` if it cannot."""


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
        older: More master keys, which only open until ``use`` says otherwise.
        reread: Asked for more when a value was sealed by a key that is not at hand: the file may
            have been given another one since.
    """

    def __init__(
        self, master_key: bytes, *, older: Sequence[bytes] = (), reread: Reread | None = None
    ) -> None:
        self._master_keys: tuple[bytes, ...] = ()
        self._ciphers: dict[bytes, AESGCM] = {}
        self._reread = reread
        self._read_at = float("-inf")
        self.add((master_key, *older))
        self._current_id, self._current = next(iter(self._ciphers.items()))

    @property
    def key_id(self) -> str:
        """The public name of the current master key; stored, it tells a wrong key at the start."""
        return self._current_id.hex()

    @property
    def master_keys(self) -> dict[str, bytes]:
        """Every master key at hand by its id, in the order of the file. For recovery copies."""
        return {key_id_of(key): key for key in self._master_keys}

    def add(self, master_keys: Sequence[bytes]) -> None:
        """Open with these as well."""
        new = [key for key in dict.fromkeys(master_keys) if key not in self._master_keys]
        found = {
            _derive(key, "key id", _KEY_ID_BYTES): AESGCM(_derive(key, "sealing")) for key in new
        }
        # Replaced, not changed: another thread may be opening something.
        self._ciphers = {**self._ciphers, **found}
        self._master_keys = (*self._master_keys, *new)

    def has(self, key_id: str) -> bool:
        """Whether this key is at hand, or in the file by now."""
        return self._cipher(bytes.fromhex(key_id)) is not None

    def use(self, key_id: str) -> bool:
        """Seal with this key from now on; returns whether it is at hand, else nothing changes."""
        wanted = bytes.fromhex(key_id)
        cipher = self._cipher(wanted)
        if cipher is None:
            return False
        self._current_id, self._current = wanted, cipher
        return True

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Encrypt ``plain`` for this place."""
        key_id, cipher = self._current_id, self._current
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + key_id + nonce + cipher.encrypt(nonce, plain, _associated(place))

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt what was sealed for this place; raise ``SealError`` for anything else."""
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:][:_NONCE_BYTES]
        if not header.startswith(_VERSION) or len(nonce) < _NONCE_BYTES:
            raise SealError(place)
        cipher = self._cipher(header[len(_VERSION) :])
        if cipher is None:
            raise SealError(place)
        try:
            return cipher.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], _associated(place))
        except InvalidTag:
            raise SealError(place) from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the current master key sealed it; if not, a rotation has still to re-seal it."""
        return sealed.startswith(sealed_header(self.key_id))

    def _cipher(self, key_id: bytes) -> AESGCM | None:
        """The cipher of a key; one that is not at hand is looked for in the file."""
        found = self._ciphers.get(key_id)
        # Now and then: who can have us open foreign values shall not keep us reading a file.
        is_due = time.monotonic() - self._read_at >= _REREAD_SECONDS
        if found is None and self._reread is not None and is_due:
            self._read_at = time.monotonic()
            with suppress(IamError):
                self.add(self._reread())
            found = self._ciphers.get(key_id)
        return found

    def subkey(self, purpose: str) -> bytes:
        """32 bytes for this purpose only, from the first master key by HKDF-SHA256 (RFC 5869)."""
        return self.subkeys(purpose)[0]

    def current_subkey(self, purpose: str) -> bytes:
        """``subkey`` of the master key that seals now, whichever is first in the file."""
        return _derive(self.master_keys[self.key_id], framed("subkey", purpose))

    def subkeys(self, purpose: str) -> list[bytes]:
        """``subkey`` for every master key, as in the file: sign with the first, accept all."""
        return [_derive(key, framed("subkey", purpose)) for key in self._master_keys]


def create_master_key(path: Path) -> bytes:
    """Make a new master key (32 random bytes) in a new file, as 64 hexadecimal digits.

    The file has mode 0600 and is durable when this returns; an existing one is never replaced
    (conflict, ``file_exists``), because with it all that it sealed would be lost.
    """
    key = new_master_key()
    create_private_file(path, key.hex().encode() + b"\n")
    return key


def load_master_key(path: Path) -> bytes:
    """The first of ``load_master_keys``."""
    return load_master_keys(path)[0]


def load_master_keys(path: Path) -> list[bytes]:
    """Read the master keys from a file: 64 hexadecimal digits a line.

    ``openssl rand -hex 32`` prints one.

    Raises ``IamError`` (unavailable): ``master_key_empty``, ``master_key_malformed``, or what
    ``read_private_file`` says of a missing or exposed file. A key is never made here: starting with
    a new key instead of the lost one would hide the loss.
    """
    content = read_private_file(path)
    if not content.strip():
        raise unavailable("master_key_empty", f"expected a key in `{path}`, found an empty file")
    if _HEX_KEYS.fullmatch(content) is None:
        raise unavailable(
            "master_key_malformed",
            f"expected 64 hexadecimal digits a line in `{path}`, found other text",
        )
    return [bytes.fromhex(line) for line in content.decode("ascii").split()]


def save_master_keys(path: Path, master_keys: Sequence[bytes]) -> None:
    """Write the file anew, at once or not at all, durable when this returns.

    Whoever reads it meanwhile finds the old content or the new one. See also
    ``replace_private_file``.
    """
    if not master_keys:
        raise ValueError("a file without a master key")
    replace_private_file(path, b"".join(key.hex().encode() + b"\n" for key in master_keys))


def new_master_key() -> bytes:
    """32 random bytes."""
    return os.urandom(_MASTER_KEY_BYTES)


def key_id_of(master_key: bytes) -> str:
    """The public name of a master key; it tells nothing of the key."""
    return _derive(master_key, "key id", _KEY_ID_BYTES).hex()


def sealed_header(key_id: str) -> bytes:
    """What everything that this master key sealed begins with."""
    return _VERSION + bytes.fromhex(key_id)


def sealed_by(sealed: bytes) -> str:
    """The id of the master key that sealed it."""
    return sealed[len(_VERSION) : _HEADER_BYTES].hex()


def _derive(master_key: bytes, purpose: str, length: int = 32) -> bytes:
    if len(master_key) != _MASTER_KEY_BYTES:
        raise ValueError(f"expected a master key of {_MASTER_KEY_BYTES} bytes")
    return HKDF(SHA256(), length, salt=None, info=f"iam {purpose}".encode()).derive(master_key)


def _associated(place: Place) -> bytes:
    return framed(place.table, place.column, place.row_id, place.account).encode()
