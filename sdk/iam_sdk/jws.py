"""Strict verification of compact JSON Web Signatures (RFC 7515). Pure: no clock, no I/O.

The cryptography under PyJWT is sound; what goes wrong in the field is the wrapping. So the wrapping
is ours and small: one spelling of each part, strict JSON, a key bound to one algorithm, nothing in
the header that could choose a key or a meaning. Whatever is wrong, the one exception is
`TokenInvalid`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Self

from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_sdk.encoding import b64url_decode
from iam_sdk.errors import KeyRefusedError, KeySetError, TokenInvalid
from iam_sdk.jwk import ALGORITHMS, MAX_KEY_ID_CHARS, VerificationKey, load_key
from iam_sdk.reasons import Reason

MAX_TOKEN_CHARS: Final = 16 * 1024
MAX_HEADER_CHARS: Final = 2 * 1024
MAX_KEYS: Final = 50

# These name or carry a key, compress, or change what the rest means. The set of keys is given to
# us; a header that tries to say otherwise comes from an attacker or from a token we cannot read.
_FORBIDDEN_MEMBERS: Final = frozenset(
    {"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "p2c", "epk"}
)
_HEADER_LIMITS: Final = JsonLimits()


@dataclass(frozen=True, slots=True)
class Header:
    """The members of a JOSE header that decide anything."""

    alg: str
    kid: str
    typ: str | None


@dataclass(frozen=True, slots=True)
class VerifiedJws:
    """A signature that held: its header, and the octets that were signed."""

    header: Header
    payload: bytes


@dataclass(frozen=True, slots=True)
class RefusedKey:
    """A member of a JWK Set that is not used, and why."""

    index: int
    kid: str | None
    reason: str


class KeySet:
    """The public keys of one issuer, by key id. Immutable, so threads may share it."""

    __slots__ = ("_keys", "refused")

    def __init__(
        self, keys: Mapping[str, VerificationKey], refused: tuple[RefusedKey, ...] = ()
    ) -> None:
        self._keys: Mapping[str, VerificationKey] = MappingProxyType(dict(keys))
        self.refused = refused

    @classmethod
    def from_jwks(cls, jwks: object) -> Self:
        """Load a JWK Set (RFC 7517 section 5), already parsed from JSON.

        A key that breaks the policy of `iam_sdk.jwk`, or shares its id with another, is skipped
        and listed in ``refused``. Raises KeySetError when the document is no key set, has more
        than 50 keys, or shows private members: then its publisher is broken or broken into.
        """
        members = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(members, list):
            raise KeySetError("not_a_key_set")
        if len(members) > MAX_KEYS:
            raise KeySetError("too_many_keys", f"{len(members)} where {MAX_KEYS} are allowed")
        return cls(*_load_members(members))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    def get(self, kid: str) -> VerificationKey | None:
        """The key of that id, if the set has it."""
        return self._keys.get(kid)

    def without(self, kids: Collection[str]) -> "KeySet":
        """The same set less the named keys: what is left when keys are tainted."""
        return KeySet({k: v for k, v in self._keys.items() if k not in kids}, self.refused)


def verify_compact(token: str, keys: KeySet, algorithms: Collection[str] = ALGORITHMS) -> bytes:
    """Verify a compact JWS and return the octets that were signed.

    ``algorithms`` are those the caller allows; the key's own must be the one the header names.
    Raises TokenInvalid, and nothing else, for whatever else it is given.
    """
    return verify_jws(token, keys, algorithms).payload


def verify_jws(token: str, keys: KeySet, algorithms: Collection[str] = ALGORITHMS) -> VerifiedJws:
    """As `verify_compact`, with the header for callers that judge ``typ``. Raises TokenInvalid."""
    signed, header_part, payload_part, signature_part = _split(token)
    header = _parse_header(header_part)
    if header.alg not in algorithms:
        raise TokenInvalid(Reason.ALGORITHM_NOT_ALLOWED)
    key = keys.get(header.kid)
    if key is None:
        raise TokenInvalid(Reason.KEY_UNKNOWN)
    # RFC 8725 section 3.1: a key is for one algorithm, whatever the header says.
    if key.alg != header.alg:
        raise TokenInvalid(Reason.ALGORITHM_MISMATCH)
    if not key.is_signature(_decode(signature_part), signed):
        raise TokenInvalid(Reason.SIGNATURE_INVALID)
    return VerifiedJws(header, _decode(payload_part))


def parse_header(token: str) -> Header:
    """Read the header of a token whose signature nobody has checked: to find its key, no more.

    Raises TokenInvalid as `verify_compact` would for the form of the token and its header.
    """
    return _parse_header(_split(token)[1])


def unverified_payload(token: str) -> bytes:
    """The payload of a token whose signature nobody has checked: to find its keys, no more.

    Raises TokenInvalid for the form of the token and its header.
    """
    _, header_part, payload_part, _ = _split(token)
    _parse_header(header_part)
    return _decode(payload_part)


def _split(token: str) -> tuple[bytes, bytes, bytes, bytes]:
    # Types are a promise of the caller; a verifier does not bet on promises.
    if not isinstance(token, str):
        raise TokenInvalid(Reason.MALFORMED)
    # Before any decoding: an oversized token costs a comparison.
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenInvalid(Reason.TOO_LARGE)
    try:
        raw = token.encode("ascii")
    except UnicodeEncodeError:
        raise TokenInvalid(Reason.MALFORMED) from None
    # Five parts are an encrypted token (RFC 7516), which nothing here reads.
    parts = raw.split(b".", 3)
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        raise TokenInvalid(Reason.MALFORMED)
    header, payload, signature = parts
    return raw[: len(header) + 1 + len(payload)], header, payload, signature


def _decode(part: bytes) -> bytes:
    try:
        return b64url_decode(part)
    except ValueError:
        raise TokenInvalid(Reason.MALFORMED) from None


# An issuer signs thousands of tokens under one header; reading it once is most of what keeps this
# near the cost of the bare signature check. Bounded, and a refusal is never remembered.
@lru_cache(maxsize=256)
def _parse_header(part: bytes) -> Header:
    if len(part) > MAX_HEADER_CHARS:
        raise TokenInvalid(Reason.TOO_LARGE)
    try:
        header = parse_json(_decode(part), _HEADER_LIMITS)
    except JsonError:
        raise TokenInvalid(Reason.HEADER_MALFORMED) from None
    if not isinstance(header, dict):
        raise TokenInvalid(Reason.HEADER_MALFORMED)
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise TokenInvalid(Reason.ALGORITHM_NOT_ALLOWED)
    if not _FORBIDDEN_MEMBERS.isdisjoint(header):
        raise TokenInvalid(Reason.HEADER_FORBIDDEN)
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KEY_ID_CHARS:
        raise TokenInvalid(Reason.KEY_ID_INVALID)
    if typ is not None and not isinstance(typ, str):
        raise TokenInvalid(Reason.HEADER_MALFORMED)
    return Header(alg, kid, typ)


def _load_members(
    members: list[Any],
) -> tuple[dict[str, VerificationKey], tuple[RefusedKey, ...]]:
    # Two keys under one id: nobody can say which is meant, so neither is.
    kids = Counter(kid for m in members if (kid := _kid_of(m)) is not None)
    keys: dict[str, VerificationKey] = {}
    refused: list[RefusedKey] = []
    for index, member in enumerate(members):
        kid = _kid_of(member)
        try:
            key = load_key(member)
        except KeyRefusedError as error:
            if error.reason == "private_members":
                raise KeySetError("private_members") from error
            refused.append(RefusedKey(index, kid, error.reason))
            continue
        if kids[key.kid] > 1:
            refused.append(RefusedKey(index, kid, "key_id_repeated"))
        else:
            keys[key.kid] = key
    return keys, tuple(refused)


def _kid_of(member: object) -> str | None:
    kid = member.get("kid") if isinstance(member, dict) else None
    return kid if isinstance(kid, str) else None
