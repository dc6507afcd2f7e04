"""Making keys and signing with them. Pure but for the randomness of key generation."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm

from iam.kit.sealing import Place
from iam_sdk.encoding import b64url_encode
from iam_sdk.jwk import thumbprint


class Purpose(StrEnum):
    """What a key signs. Another purpose never accepts it."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 -- the name of a purpose


ES256: Final = "ES256"
_ECDSA: Final = ECAlgorithm(ECAlgorithm.SHA256)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new key pair: the public half as a JWK, the private half as PKCS#8 DER."""

    kid: str
    algorithm: str
    public_jwk: dict[str, Any]
    private_der: bytes


def new_key_pair() -> KeyPair:
    """Generate an ES256 key (RFC 7518 section 3.4)."""
    private = ec.generate_private_key(ec.SECP256R1())
    members: dict[str, Any] = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    kid = thumbprint(members)
    jwk = {**members, "kid": kid, "use": "sig", "alg": ES256}
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(kid, ES256, jwk, der)


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
        signature = _ECDSA.sign(signing_input.encode("ascii"), self._key)
        return f"{signing_input}.{b64url_encode(signature)}"

    def _header(self, typ: str) -> str:
        header = self._headers.get(typ)
        if header is None:
            members = {"alg": ES256, "typ": typ, "kid": self.kid}
            header = self._headers[typ] = b64url_encode(orjson.dumps(members))
        return header


def place_of(kid: str, account: str) -> Place:
    """Where the private half of a key is sealed."""
    return Place(table="signing_keys", column="private_key_sealed", row_id=kid, account=account)
