"""A real issuer inside the process: real keys, real signatures, no network.

For tests of services that use this SDK. Nothing here is a double of the verification: tokens made
here pass or fail `iam_sdk.tokens` for the same reasons as those of a server.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from iam_sdk.encoding import b64url_encode, encode_json_segment
from iam_sdk.jwk import thumbprint
from iam_sdk.jws import KeySet

_ID_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_PREFIXES: Final = {"service": "svc", "user": "usr", "role": "rol"}
_CURVES: Final = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the one algorithm it signs with; ``jwk`` is its public part."""

    alg: str
    private_key: Any
    jwk: Mapping[str, Any]

    @classmethod
    def generate(cls, alg: str = "ES256") -> "SigningKey":
        """Make a new key for ``alg``; its ``kid`` is the RFC 7638 thumbprint."""
        private_key = _generate(alg)
        to_jwk = get_default_algorithms()[_pyjwt_name(alg)].to_jwk
        public: dict[str, Any] = to_jwk(private_key.public_key(), as_dict=True)
        jwk = public | {"use": "sig", "alg": alg, "kid": thumbprint(public)}
        jwk.pop("key_ops", None)
        return cls(alg, private_key, jwk)

    @property
    def kid(self) -> str:
        """The id under which the key is published."""
        return str(self.jwk["kid"])

    def sign(self, data: bytes) -> bytes:
        """The raw JWS signature over ``data`` (RFC 7518 section 3)."""
        return get_default_algorithms()[_pyjwt_name(self.alg)].sign(data, self.private_key)

    def sign_compact(self, header: Mapping[str, Any], payload: bytes) -> str:
        """A compact JWS over exactly these; ``header`` is taken as it is, right or wrong."""
        signed = f"{encode_json_segment(header)}.{b64url_encode(payload)}"
        return f"{signed}.{b64url_encode(self.sign(signed.encode()))}"


class LocalIssuer:
    """An issuer that lives in the test: mints access tokens and publishes its keys."""

    def __init__(
        self,
        issuer: str = "https://iam.test",
        *,
        account: str = "main",
        alg: str = "ES256",
        now: Callable[[], float] = time.time,  # noqa: TID251 - a default that tests replace
    ) -> None:
        self.issuer = issuer
        self.account = account
        self.now = now
        self.keys = [SigningKey.generate(alg)]
        self._serial = count(1)

    @property
    def key(self) -> SigningKey:
        """The key that signs now."""
        return self.keys[-1]

    def rotate(self, alg: str = "ES256") -> SigningKey:
        """Sign with a new key from now on; the earlier ones stay published."""
        self.keys.append(SigningKey.generate(alg))
        return self.key

    def jwks(self) -> dict[str, Any]:
        """The JWK Set as a server would publish it."""
        return {"keys": [dict(key.jwk) for key in self.keys]}

    def key_set(self) -> KeySet:
        """The published keys, loaded through the same policy as anybody's."""
        return KeySet.from_jwks(self.jwks())

    def keys_for(self, kid: str) -> KeySet:  # noqa: ARG002 - the shape of iam_sdk.verifier.Keys
        """The published keys, for a `iam_sdk.verifier.TokenVerifier` without a network."""
        return self.key_set()

    async def keys_for_async(self, kid: str) -> KeySet:  # noqa: ARG002 - as above
        """As `keys_for`."""
        return self.key_set()

    def token_for(
        self,
        principal: str = "service/orders",
        *,
        audience: str | list[str],
        scope: Collection[str] = (),
        lifetime: int = 3600,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """An access token (RFC 9068) for ``service/orders``, ``user/alice`` and so on.

        ``claims`` are laid over what the token says; a value of None removes the claim.
        """
        issued_at = int(self.now())
        standard = self._identity_claims(principal) | {
            "iss": self.issuer,
            "aud": audience,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + lifetime,
            "jti": f"tok_{next(self._serial):026d}",
            "scope": " ".join(sorted(scope)),
        }
        return self.sign(
            {k: v for k, v in (standard | dict(claims or {})).items() if v is not None}
        )

    def sign(self, claims: Mapping[str, Any], *, typ: str = "at+jwt") -> str:
        """Sign a claims set as it is, with the current key."""
        header = {"alg": self.key.alg, "kid": self.key.kid, "typ": typ}
        signed = f"{encode_json_segment(header)}.{encode_json_segment(claims)}"
        return f"{signed}.{b64url_encode(self.key.sign(signed.encode()))}"

    def _identity_claims(self, principal: str) -> dict[str, Any]:
        kind, _, name = principal.partition("/")
        subject = _stable_id(_ID_PREFIXES[kind], f"{self.account}:{principal}")
        return {
            "sub": subject,
            "client_id": subject,
            "account": self.account,
            "arn": f"arn:iam:iam::{self.account}:{kind}/{name}",
            "epoch": 0,
        }


def _stable_id(prefix: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return f"{prefix}_" + "".join(_ID_ALPHABET[octet & 31] for octet in digest[:26])


def _generate(alg: str) -> Any:
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg])
    if alg in {"EdDSA", "Ed25519"}:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pyjwt_name(alg: str) -> str:
    return "EdDSA" if alg == "Ed25519" else alg
