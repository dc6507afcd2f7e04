"""Making keys, signing with them, and the life of a key.

Pure but for the randomness of key generation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from iam.kit.sealing import Place
from iam_sdk.encoding import b64url_encode
from iam_sdk.jwk import thumbprint


class Purpose(StrEnum):
    """What a key signs. Another purpose never accepts it."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 -- the name of a purpose
    AUDIT_LOG = "audit_log"
    """Its public half is no part of the key set that verifies tokens."""


ES256: Final = "ES256"
_ALGORITHMS: Final = {Purpose.ACCESS_TOKEN: ES256, Purpose.AUDIT_LOG: "EdDSA"}
# Made once: the library would make one for each signature.
_ECDSA_SHA256: Final = ec.ECDSA(SHA256())


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key pair: the public half as a JWK, the private half as PKCS#8 DER."""

    kid: str
    algorithm: str
    public_jwk: dict[str, Any]
    private_der: bytes


@dataclass(frozen=True, slots=True)
class PrivateHalf:
    """What signs: the key id, and the private key as PKCS#8 DER."""

    kid: str
    private_der: bytes = field(repr=False)


def new_key_pair(purpose: Purpose = Purpose.ACCESS_TOKEN) -> KeyPair:
    """Generate a key for ES256 (RFC 7518 section 3.4), or Ed25519 (RFC 8037) for the audit log."""
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if purpose is Purpose.AUDIT_LOG:
        private = ed25519.Ed25519PrivateKey.generate()
        members = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
        members = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    kid, algorithm = thumbprint(members), _ALGORITHMS[purpose]
    jwk = {**members, "kid": kid, "use": "sig", "alg": algorithm}
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(kid, algorithm, jwk, der)


class Signer:
    """A private key, parsed once, that signs compact JWS (RFC 7515 section 7.1)."""

    def __init__(self, *, kid: str, private_der: bytes) -> None:
        key = load_der_private_key(private_der, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("expected an elliptic curve key")
        self.kid = kid
        self._key = key
        self._headers: dict[str, str] = {}

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        """Sign claims as a token of this type."""
        signing_input = f"{self._header(typ)}.{b64url_encode(orjson.dumps(claims))}"
        der = self._key.sign(signing_input.encode("ascii"), _ECDSA_SHA256)
        # RFC 7518 section 3.4: R and S side by side, 32 octets each, not the DER of X.509.
        r, s = decode_dss_signature(der)
        return f"{signing_input}.{b64url_encode(r.to_bytes(32) + s.to_bytes(32))}"

    def _header(self, typ: str) -> str:
        header = self._headers.get(typ)
        if header is None:
            members = {"alg": ES256, "typ": typ, "kid": self.kid}
            header = self._headers[typ] = b64url_encode(orjson.dumps(members))
        return header


def place_of(kid: str, account: str) -> Place:
    """Where the private half of a key is sealed."""
    return Place(table="signing_keys", column="private_key_sealed", row_id=kid, account=account)


# --- The life of a key: prepared, active, retiring, gone.

PREPARED: Final = "prepared"
ACTIVE: Final = "active"
RETIRING: Final = "retiring"
GONE: Final = "gone"

SHORTEST_LEAD: Final = timedelta(minutes=6)
"""1.2 times the five minutes after which the SDK looks for new keys (JK-02)."""
MAX_PUBLISHED: Final = 20
"""Published keys of one purpose: clients refuse a set of more than 50."""


class KeyRecord(Protocol):
    """The columns of a signing key that its life consists of."""

    kid: Any
    state: Any
    published_at: Any
    activated_at: Any
    retired_at: Any
    gone_at: Any
    tainted_at: Any
    private_key_sealed: Any


Key = TypeVar("Key", bound=KeyRecord)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a key is published before it signs (`lead`), and after it last signed (`keep`)."""

    lead: timedelta
    keep: timedelta

    @classmethod
    def of(
        cls,
        *,
        publish_lead: timedelta,
        max_age: timedelta,
        longest_life: timedelta,
        retain: timedelta,
    ) -> Self:
        """From the settings: the lead is never shorter than clients may go on with an old set."""
        return cls(max(publish_lead, max_age, SHORTEST_LEAD), longest_life + retain)

    def activates_at(self, key: KeyRecord) -> datetime | None:
        """When a prepared key may begin to sign."""
        if key.state != PREPARED:
            return None
        at: datetime = key.published_at + self.lead
        return at

    def leaves_at(self, key: KeyRecord) -> datetime | None:
        """When a retiring key may leave the published set."""
        if key.state != RETIRING:
            return None
        at: datetime = key.retired_at + self.keep
        return at


class Change(StrEnum):
    """What happens to a key, in order of its life."""

    ACTIVATE = "activate"
    RETIRE = "retire"
    REMOVE = "remove"
    TAINT = "taint"


@dataclass(frozen=True, slots=True)
class Step(Generic[Key]):
    """One change of one key. Steps are to be written in their order: one key is active at most."""

    change: Change
    key: Key


def due_steps(keys: Iterable[Key], *, now: datetime, timing: Timing) -> list[Step[Key]]:
    """What time alone brings for the keys of one purpose: activation, and leaving the set."""
    keys = list(keys)
    steps = [Step(Change.REMOVE, key) for key in keys if _is_past(timing.leaves_at(key), now)]
    ready = next((key for key in keys if _is_past(timing.activates_at(key), now)), None)
    if ready is not None:
        steps += [Step(Change.RETIRE, key) for key in keys if key.state == ACTIVE]
        steps.append(Step(Change.ACTIVATE, ready))
    return steps


def may_prepare(keys: Iterable[KeyRecord]) -> bool:
    """Whether a new key may be prepared for this purpose: none is, and the set has room."""
    published = [key.state for key in keys if key.state != GONE]
    return PREPARED not in published and len(published) < MAX_PUBLISHED


def is_rotation_due(
    keys: Iterable[KeyRecord], *, now: datetime, timing: Timing, every: timedelta
) -> bool:
    """Whether to prepare the next key now, so that the active one has signed for `every` then."""
    keys = list(keys)
    active = next((key for key in keys if key.state == ACTIVE), None)
    is_old = active is not None and _is_past(active.activated_at + every - timing.lead, now)
    return is_old and may_prepare(keys)


def taint_steps(keys: Iterable[Key], tainted: Key) -> list[Step[Key]]:
    """What follows when a key of this purpose is known to others.

    When it was the active one and another is prepared, that one signs from now on, lead or not:
    clients have had more time to see it than a new one would give them. Without one, the caller
    makes a new key that is active at once; then clients that meet it look for it at once too.
    """
    steps = [Step(Change.TAINT, tainted)]
    if tainted.state == ACTIVE:
        steps += [Step(Change.ACTIVATE, key) for key in keys if key.state == PREPARED]
    return steps


def take(step: Step[Key], *, now: datetime) -> None:
    """Write one step into its key. A key that signs no more loses its private half."""
    key = step.key
    if step.change is Change.ACTIVATE:
        key.state, key.activated_at = ACTIVE, now
        return
    key.private_key_sealed = None
    if step.change is Change.RETIRE:
        key.state, key.retired_at = RETIRING, now
        return
    key.state, key.gone_at = GONE, key.gone_at or now
    if step.change is Change.TAINT:
        key.tainted_at = now


def _is_past(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
