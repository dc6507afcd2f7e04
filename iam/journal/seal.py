"""The seal of the audit log: what of an entry is hashed, how entries are chained, what is signed.

Pure. Every account has a **chain**: each entry's hash is made over the entry and the hash before
it. A **checkpoint** signs the hash that a chain has come to, and names the checkpoint before it, so
whoever keeps one knows everything up to it. What tells of a person is in two **parts**, and only
their salted commitments are hashed: without salt and value an entry says nothing of the person any
more, and the chain still holds. docs/audit-log.md describes the format for other verifiers.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from iam.journal.canonical import canonical
from iam_sdk.encoding import b64url_encode

ALGORITHM: Final = "EdDSA"
TYP: Final = "iam-audit-checkpoint"
"""The `typ` of a signed checkpoint: it is no token, and no token is a checkpoint."""
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
BEGINNING: Final = bytes(HASH_BYTES)
"""What stands for the hash before the first entry of a chain."""
PARTS: Final = ("actor", "subject")

Line: TypeAlias = dict[str, Any]
"""One line of a sealed log, parsed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an entry that may be erased: a value and its salt, or what is left of it.

    Attributes:
        value: What it says; `None` when it was erased.
        salt: What keeps others from finding out by trial what an erased value was.
        kept: The commitment of an erased part.
    """

    value: Mapping[str, Any] | None
    salt: bytes = b""
    kept: bytes = b""

    @property
    def commitment(self) -> bytes:
        """What is hashed in place of the part."""
        if self.value is None:
            return self.kept
        return hmac.digest(self.salt, canonical(dict(self.value)), "sha256")

    def line(self) -> Line:
        """As it stands in a line."""
        if self.value is None:
            return {"commitment": self.kept.hex()}
        return {"salt": self.salt.hex(), "value": dict(self.value)}


def entry_line(members: Mapping[str, Any], *, actor: Part, subject: Part, previous: bytes) -> Line:
    """The line of an entry: its members, its parts, the hash before it, and its own."""
    line = {
        "kind": "entry",
        **members,
        "actor": actor.line(),
        "subject": subject.line(),
        "previous": previous.hex(),
    }
    found = entry_hash(line, actor=actor.commitment, subject=subject.commitment)
    return {**line, "hash": found.hex()}


def entry_hash(line: Mapping[str, Any], *, actor: bytes, subject: bytes) -> bytes:
    """The hash of an entry: over all members of its line, with commitments in place of parts."""
    hashed = {name: value for name, value in line.items() if name not in {"kind", "hash"}}
    return hashlib.sha256(
        canonical({**hashed, "actor": actor.hex(), "subject": subject.hex()})
    ).digest()


def instant(at: datetime) -> str:
    """An instant as it is hashed: UTC, with six digits of a second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


@dataclass(frozen=True, slots=True)
class Removal:
    """What a checkpoint says of entries that were removed because they were old enough.

    Attributes:
        sequence: Everything up to this entry is gone.
        hash: The hash of that entry, from which the rest of the chain goes on.
        number: The checkpoint that stood at that entry, gone with it.
        checkpoint: The digest of that checkpoint.
    """

    sequence: int
    hash: bytes
    number: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a chain has come to.

    Attributes:
        issuer: Whose installation it is.
        chain: Which chain.
        number: 1 for the first of the chain, and so on, without a gap.
        previous: The digest of the checkpoint before it; `None` for the first.
        sequence: The last entry.
        hash: The hash of that entry.
        at: When it was signed.
        removed: What retention removed; a checkpoint that says so is a tombstone.
    """

    issuer: str
    chain: str
    number: int
    previous: bytes | None
    sequence: int
    hash: bytes
    at: str
    removed: Removal | None = None

    def claims(self) -> dict[str, Any]:
        """The payload that is signed."""
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "chain": self.chain,
            "number": self.number,
            "previous": self.previous.hex() if self.previous is not None else None,
            "sequence": self.sequence,
            "hash": self.hash.hex(),
            "at": self.at,
        }
        if self.removed is not None:
            claims["removed"] = {
                "sequence": self.removed.sequence,
                "hash": self.removed.hash.hex(),
                "number": self.removed.number,
                "checkpoint": self.removed.checkpoint.hex(),
            }
        return claims


def parse_checkpoint(payload: bytes) -> Checkpoint:
    """The checkpoint in a payload whose signature held. Raises `ValueError` for anything else."""
    try:
        claims = json.loads(payload)
        removed = claims.get("removed")
        previous = claims["previous"]
        return Checkpoint(
            issuer=str(claims["iss"]),
            chain=str(claims["chain"]),
            number=int(claims["number"]),
            previous=None if previous is None else bytes.fromhex(previous),
            sequence=int(claims["sequence"]),
            hash=bytes.fromhex(claims["hash"]),
            at=str(claims["at"]),
            removed=None if removed is None else _removal(removed),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("this is no checkpoint") from None


def _removal(removed: Mapping[str, Any]) -> Removal:
    return Removal(
        sequence=int(removed["sequence"]),
        hash=bytes.fromhex(removed["hash"]),
        number=int(removed["number"]),
        checkpoint=bytes.fromhex(removed["checkpoint"]),
    )


def digest(jws: str) -> bytes:
    """What a checkpoint calls the one before it: the hash of that one as it was signed."""
    return hashlib.sha256(jws.encode("ascii", "replace")).digest()


class CheckpointSigner:
    """An Ed25519 key, parsed once, that signs checkpoints as compact JWS (RFC 7515, RFC 8037)."""

    def __init__(self, *, kid: str, private_der: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        key = load_der_private_key(private_der, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("expected an Ed25519 key")
        self.kid = kid
        self._key = key
        self._header = b64url_encode(canonical({"alg": ALGORITHM, "kid": kid, "typ": TYP}))

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint, signed."""
        signed = f"{self._header}.{b64url_encode(canonical(checkpoint.claims()))}"
        return f"{signed}.{b64url_encode(self._key.sign(signed.encode('ascii')))}"
