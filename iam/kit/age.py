"""Files that only chosen recipients can open: the age format, version 1, with X25519 keys.

Source: the specification age-encryption.org/v1 (C2SP `age.md`). What is written here opens with any
age tool, and what such a tool writes for an X25519 recipient opens here: who has to recover an
installation needs nothing of ours.

A file key of 128 random bits is wrapped for each recipient in the header, which a MAC under the
file key protects. The rest are chunks of 64 KiB under ChaCha20-Poly1305, numbered, the last one
marked: a changed byte, a chunk that moved, and an end that was cut off are all found.
"""

import io
import os
import textwrap
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from iam.errors import IamError, invalid
from iam.kit import bech32

_VERSION: Final = b"age-encryption.org/v1"
_WRAP_INFO: Final = b"age-encryption.org/v1/X25519"
_RECIPIENT: Final = "age"
_IDENTITY: Final = "age-secret-key-"
_BEGIN: Final = "-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = "-----END AGE ENCRYPTED FILE-----"
_KEY_BYTES: Final = 32
_FILE_KEY_BYTES: Final = 16
_NONCE_BYTES: Final = 16
_TAG_BYTES: Final = 16
_CHUNK: Final = 64 * 1024
_HEADER_LINES: Final = 1_000
_LINE_BYTES: Final = 1_000
_COLUMNS: Final = 64


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open a file: the public half of an identity."""

    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Recipient":
        """From `age1...`; raises `IamError` (invalid) for any other text."""
        return cls(_parse(text.strip(), _RECIPIENT, "recipient_malformed", "age1..."))

    def __str__(self) -> str:
        return bech32.encode(_RECIPIENT, self.public)


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What opens the files of its recipient: an X25519 private key."""

    private: bytes

    @classmethod
    def new(cls) -> "Identity":
        """A new one."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """From `AGE-SECRET-KEY-1...`; raises `IamError` (invalid) that does not repeat it."""
        return cls(_parse(text.strip(), _IDENTITY, "identity_malformed", "AGE-SECRET-KEY-1..."))

    @property
    def text(self) -> str:
        """Its secret form, as age writes it."""
        return bech32.encode(_IDENTITY, self.private).upper()

    @property
    def recipient(self) -> Recipient:
        """For whom files are written that it opens."""
        key = X25519PrivateKey.from_private_bytes(self.private)
        return Recipient(key.public_key().public_bytes_raw())


def parse_identities(text: str) -> list[Identity]:
    """The identities in a file as `age-keygen` writes it: one a line, `#` begins a comment."""
    lines = (line.strip() for line in text.splitlines())
    found = [Identity.parse(line) for line in lines if line and not line.startswith("#")]
    if not found:
        raise invalid("identity_malformed", "expected a line `AGE-SECRET-KEY-1...`, found none")
    return found


def encrypt(plain: bytes, recipients: Sequence[Recipient]) -> bytes:
    """A small file, in memory."""
    sink = io.BytesIO()
    writer = AgeWriter(sink, recipients)
    writer.write(plain)
    writer.finish()
    return sink.getvalue()


def decrypt(content: bytes, identities: Sequence[Identity]) -> bytes:
    """What a small file says; it may be armored. Raises `IamError` (invalid)."""
    if content.lstrip().startswith(_BEGIN.encode()):
        content = dearmor(content.decode("ascii", "replace"))
    return AgeReader(io.BytesIO(content), identities).read()


def armor(content: bytes) -> str:
    """A small file as text that survives mail and paper."""
    lines = textwrap.wrap(b64encode(content).decode(), _COLUMNS)
    return "\n".join([_BEGIN, *lines, _END, ""])


def dearmor(text: str) -> bytes:
    """The file in this text. Raises `IamError` (invalid) when it is none."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if lines[:1] != [_BEGIN] or lines[-1:] != [_END]:
        raise _malformed()
    try:
        return b64decode("".join(lines[1:-1]), validate=True)
    except ValueError:
        raise _malformed() from None


class AgeWriter:
    """Encrypts to a file, in constant memory; call `finish` at the end.

    Args:
        sink: Where the file goes.
        recipients: Who can open it; each of them alone.
    """

    def __init__(self, sink: BinaryIO, recipients: Sequence[Recipient]) -> None:
        if not recipients:
            raise ValueError("a file that nobody can open")
        file_key, nonce = os.urandom(_FILE_KEY_BYTES), os.urandom(_NONCE_BYTES)
        sink.write(_header(file_key, recipients) + nonce)
        self._sink = sink
        self._chunks = _Chunks(file_key, nonce)
        self._pending = bytearray()

    def write(self, data: bytes) -> int:
        """Encrypt more."""
        self._pending += data
        # The last chunk is marked: a full one is kept until it is known not to be the last.
        while len(self._pending) > _CHUNK:
            self._sink.write(self._chunks.encrypt(bytes(self._pending[:_CHUNK]), is_last=False))
            del self._pending[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Nothing: what is pending waits for a full chunk."""

    def finish(self) -> None:
        """Write the end. Without it the file counts as cut off."""
        self._sink.write(self._chunks.encrypt(bytes(self._pending), is_last=True))
        self._pending.clear()


class AgeReader(io.RawIOBase):
    """Decrypts a file, in constant memory; what was read is authentic, chunk by chunk.

    Raises `IamError` (invalid): `age_malformed`, `age_not_for_us` when no identity fits,
    `age_broken` while reading when the file was changed or cut off.
    """

    def __init__(self, source: BinaryIO, identities: Sequence[Identity]) -> None:
        super().__init__()
        self._source = source
        file_key = _open_header(source, identities)
        nonce = source.read(_NONCE_BYTES)
        if len(nonce) != _NONCE_BYTES:
            raise _broken()
        self._chunks = _Chunks(file_key, nonce)
        self._ahead = self._next()
        self._plain = b""
        self._is_at_end = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill the buffer with what comes next; 0 at the end."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # io hands in a buffer
        while not self._plain and not self._is_at_end:
            self._advance()
        size = min(len(view), len(self._plain))
        view[:size], self._plain = self._plain[:size], self._plain[size:]
        return size

    def _advance(self) -> None:
        chunk, self._ahead = self._ahead, self._next()
        self._is_at_end = not self._ahead
        self._plain = self._chunks.decrypt(chunk, is_last=self._is_at_end)

    def _next(self) -> bytes:
        return self._source.read(_CHUNK + _TAG_BYTES)


class _Chunks:
    """The payload: numbered chunks (STREAM), the last one marked."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._cipher = ChaCha20Poly1305(_derive(file_key, salt=nonce, info=b"payload"))
        self._number = 0

    def encrypt(self, plain: bytes, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(is_last=is_last), plain, None)

    def decrypt(self, chunk: bytes, *, is_last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(is_last=is_last), chunk, None)
        except (InvalidTag, ValueError):
            raise _broken() from None

    def _nonce(self, *, is_last: bool) -> bytes:
        nonce = self._number.to_bytes(11) + bytes([is_last])
        self._number += 1
        return nonce


def _header(file_key: bytes, recipients: Sequence[Recipient]) -> bytes:
    stanzas = b"".join(_stanza(file_key, recipient) for recipient in recipients)
    signed = _VERSION + b"\n" + stanzas + b"---"
    return signed + b" " + _b64(_mac(file_key, signed).finalize()) + b"\n"


def _stanza(file_key: bytes, recipient: Recipient) -> bytes:
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient.public))
    key = _derive(secret, salt=share + recipient.public, info=_WRAP_INFO)
    body = ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)
    return b"-> X25519 " + _b64(share) + b"\n" + _b64(body) + b"\n"


def _open_header(source: BinaryIO, identities: Sequence[Identity]) -> bytes:
    """The file key, once the MAC of the header has proven it."""
    signed, wrapped = b"", list[tuple[bytes, bytes]]()
    line = source.readline(_LINE_BYTES)
    if line != _VERSION + b"\n":
        raise _malformed()
    for _ in range(_HEADER_LINES):
        signed += line
        line = source.readline(_LINE_BYTES)
        if line.startswith(b"--- "):
            return _proven(_unwrap(wrapped, identities), signed + b"---", _unb64(line[4:]))
        if line.startswith(b"-> X25519 "):
            signed, share = signed + line, _unb64(line[len(b"-> X25519 ") :])
            line = source.readline(_LINE_BYTES)
            wrapped.append((share, _unb64(line)))
    raise _malformed()


def _unwrap(wrapped: Sequence[tuple[bytes, bytes]], identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        private = X25519PrivateKey.from_private_bytes(identity.private)
        public = private.public_key().public_bytes_raw()
        for share, body in wrapped:
            try:
                secret = private.exchange(X25519PublicKey.from_public_bytes(share))
                key = _derive(secret, salt=share + public, info=_WRAP_INFO)
                return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)
            except (InvalidTag, ValueError):
                continue
    raise invalid("age_not_for_us", "none of the keys at hand opens this file")


def _proven(file_key: bytes, signed: bytes, mac: bytes) -> bytes:
    try:
        _mac(file_key, signed).verify(mac)
    except InvalidSignature:
        raise _broken() from None
    return file_key


def _mac(file_key: bytes, signed: bytes) -> HMAC:
    mac = HMAC(_derive(file_key, salt=b"", info=b"header"), SHA256())
    mac.update(signed)
    return mac


def _derive(key: bytes, *, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=salt, info=info).derive(key)


def _b64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _unb64(text: bytes) -> bytes:
    text = text.removesuffix(b"\n")
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _malformed() from None
    if _b64(data) != text:  # only the one canonical text is the format's
        raise _malformed()
    return data


def _parse(text: str, prefix: str, code: str, form: str) -> bytes:
    try:
        found, key = bech32.decode(text)
    except ValueError:
        found, key = "", b""
    if found != prefix or len(key) != _KEY_BYTES:
        raise invalid(code, f"expected a key of the form `{form}`, as `age-keygen` makes them")
    return key


def _malformed() -> IamError:
    return invalid("age_malformed", "expected a file in the format of age, found something else")


def _broken() -> IamError:
    return invalid("age_broken", "the file was changed or cut off: it does not prove authentic")
