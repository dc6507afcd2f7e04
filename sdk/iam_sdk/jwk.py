"""The policy for public keys: what a JSON Web Key (RFC 7517, 7518, 8037) must be to verify with.

Pure. A key is judged once, when its set is loaded; what passes is kept as a parsed key object
that is bound to exactly one algorithm.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import Algorithm, get_default_algorithms

from iam_sdk.encoding import b64url_decode, b64url_encode
from iam_sdk.errors import KeyRefusedError

MAX_KEY_ID_CHARS: Final = 256
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
# Exponents in use are 65537 or smaller; a huge one only makes each verification slow.
MAX_RSA_EXPONENT_BITS: Final = 64

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})

_CURVES: Final[Mapping[str, tuple[str, ec.EllipticCurve]]] = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
    "ES512": ("P-521", ec.SECP521R1()),
}
_ALGORITHMS_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    "EC": frozenset(_CURVES),
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    # RFC 9864 names the curve in the algorithm; EdDSA is the older, still common name.
    "OKP": frozenset({"EdDSA", "Ed25519"}),
}
ALGORITHMS: Final = frozenset[str]().union(*_ALGORITHMS_BY_TYPE.values())
"""Every algorithm that a key may have. Symmetric ones and ``none`` do not exist here."""

_THUMBPRINT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
}

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that passed the policy, with the one algorithm that it may be used with."""

    kid: str
    alg: str
    public_key: PublicKey
    algorithm: Algorithm

    def is_signature(self, signature: bytes, signed: bytes) -> bool:
        """Say whether ``signature`` is this key's signature over ``signed``."""
        return self.algorithm.verify(signed, self.public_key, signature)


def load_key(jwk: object) -> VerificationKey:
    """Judge one JWK and parse it.

    Raises KeyRefusedError with a stable reason for whatever breaks the policy: a foreign use or
    operation, an algorithm that does not fit type and curve, RSA outside 2048 to 8192 bits or of
    the ROCA family (CVE-2017-15361), a point that is not on its curve or of small order, inexact
    encodings, private members.
    """
    if not isinstance(jwk, dict):
        raise KeyRefusedError("not_an_object")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise KeyRefusedError("private_members")
    kid, alg = _key_id(jwk), _algorithm(jwk)
    _check_purpose(jwk)
    try:
        public_key = _PARSERS[jwk["kty"]](jwk)
    except (UnsupportedAlgorithm, ValueError) as error:
        # cryptography's own checks: the point is on the curve, e is odd and at least 3.
        raise KeyRefusedError("key_invalid") from error
    return VerificationKey(kid, alg, public_key, _algorithms()[alg])


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint of a key (RFC 7638), in base64url: what we use as its ``kid``.

    Private members and everything optional are left out of it. Raises KeyRefusedError for a key
    type that has none here, or when a member that it needs is missing.
    """
    kty = jwk.get("kty")
    members = _THUMBPRINT_MEMBERS.get(kty) if isinstance(kty, str) else None
    if members is None:
        raise KeyRefusedError("type_unknown")
    required = {name: _text(jwk, name) for name in members}
    text = json.dumps(required, separators=(",", ":"), sort_keys=True)
    return b64url_encode(hashlib.sha256(text.encode()).digest())


def _key_id(jwk: Mapping[str, Any]) -> str:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KEY_ID_CHARS:
        raise KeyRefusedError("key_id_invalid")
    return kid


def _algorithm(jwk: Mapping[str, Any]) -> str:
    kty, alg = jwk.get("kty"), jwk.get("alg")
    if not isinstance(kty, str) or kty not in _ALGORITHMS_BY_TYPE:
        raise KeyRefusedError("type_unknown")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise KeyRefusedError("algorithm_not_allowed")
    if alg not in _ALGORITHMS_BY_TYPE[kty]:
        raise KeyRefusedError("algorithm_mismatch")
    return alg


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    if jwk.get("use", "sig") != "sig":
        raise KeyRefusedError("use_wrong")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeyRefusedError("operations_wrong")


def _parse_ec(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    name, curve = _CURVES[jwk["alg"]]
    _check_curve(jwk, name)
    length = (curve.key_size + 7) // 8
    x, y = (int.from_bytes(_octets(jwk, member, length)) for member in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _parse_rsa(jwk: Mapping[str, Any]) -> rsa.RSAPublicKey:
    n, e = _integer(jwk, "n"), _integer(jwk, "e")
    if not MIN_RSA_BITS <= n.bit_length() <= MAX_RSA_BITS:
        raise KeyRefusedError("rsa_size")
    if e.bit_length() > MAX_RSA_EXPONENT_BITS or e < 3 or not e & 1:  # noqa: PLR2004 - odd, from 3
        raise KeyRefusedError("rsa_exponent")
    if not n & 1 or _is_roca(n):
        raise KeyRefusedError("rsa_weak")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _parse_okp(jwk: Mapping[str, Any]) -> ed25519.Ed25519PublicKey:
    _check_curve(jwk, "Ed25519")
    point = _octets(jwk, "x", 32)
    if not _is_safe_ed25519_point(point):
        raise KeyRefusedError("point_weak")
    return ed25519.Ed25519PublicKey.from_public_bytes(point)


_PARSERS: Final[Mapping[str, Callable[[Mapping[str, Any]], PublicKey]]] = {
    "EC": _parse_ec,
    "RSA": _parse_rsa,
    "OKP": _parse_okp,
}


def _check_curve(jwk: Mapping[str, Any], expected: str) -> None:
    if jwk.get("crv") != expected:
        raise KeyRefusedError("curve_wrong")


def _text(jwk: Mapping[str, Any], member: str) -> str:
    value = jwk.get(member)
    if not isinstance(value, str):
        raise KeyRefusedError("member_missing", member)
    return value


def _octets(jwk: Mapping[str, Any], member: str, length: int | None = None) -> bytes:
    try:
        octets = b64url_decode(_text(jwk, member))
    except ValueError as error:
        raise KeyRefusedError("encoding_invalid", member) from error
    if length is not None and len(octets) != length:
        raise KeyRefusedError("length_wrong", member)
    return octets


def _integer(jwk: Mapping[str, Any], member: str) -> int:
    octets = _octets(jwk, member)
    # RFC 7518 section 2: the minimum number of octets, so that a key has one spelling.
    if not octets or octets[0] == 0:
        raise KeyRefusedError("encoding_invalid", member)
    return int.from_bytes(octets)


@cache
def _algorithms() -> Mapping[str, Algorithm]:
    algorithms = get_default_algorithms()
    return {alg: algorithms["EdDSA" if alg == "Ed25519" else alg] for alg in ALGORITHMS}


# --- ROCA (CVE-2017-15361): primes of the form k*M + (65537^a mod M), M a product of small primes.
# --- The modulus then lies in the group that 65537 generates modulo each of them; a modulus of
# --- other origin does so for all of these primes with a chance of about 2^-27.

_ROCA_PRIMES: Final = tuple(
    p for p in range(3, 168) if all(p % divisor for divisor in range(2, int(p**0.5) + 1))
)


@cache
def _roca_groups() -> tuple[tuple[int, frozenset[int]], ...]:
    return tuple((p, frozenset(pow(65537, i, p) for i in range(p - 1))) for p in _ROCA_PRIMES)


def _is_roca(n: int) -> bool:
    return all(n % p in group for p, group in _roca_groups())


# --- Ed25519 (RFC 8032 section 5.1): the prime, d, and the y of the points of order 1, 2, 4, 8.

_P25519: Final = 2**255 - 19
_D25519: Final = -121665 * pow(121666, -1, _P25519) % _P25519
_ORDER_8_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P25519 - 1, _ORDER_8_Y, _P25519 - _ORDER_8_Y})


def _is_safe_ed25519_point(encoded: bytes) -> bool:
    """Canonical, on the curve, and not one of the eight points of small order.

    OpenSSL takes any 32 octets; under a small-order key one signature fits every message.
    """
    y = int.from_bytes(encoded, "little") & ~(1 << 255)
    if y >= _P25519 or y in _SMALL_ORDER_Y:
        return False
    # x^2 = (y^2 - 1) / (d y^2 + 1) must be a square: Euler's criterion.
    x_squared = (y * y - 1) * pow(_D25519 * y * y + 1, -1, _P25519) % _P25519
    return pow(x_squared, (_P25519 - 1) // 2, _P25519) == 1
