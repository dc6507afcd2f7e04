"""How a client proves itself at the token endpoint: a shared secret, or a key of its own. Pure."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidKeyError

from iam_sdk.encoding import b64url_encode, encode_json_segment
from iam_sdk.errors import ConfigurationError
from iam_sdk.jwk import ALGORITHMS, thumbprint

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 60

_ALGORITHM_OF_CURVE: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def basic_authorization(client_id: str, secret: str) -> str:
    """The ``Authorization`` header of client_secret_basic.

    Both halves are form-urlencoded first (RFC 6749 section 2.3.1), so that a colon or an umlaut
    in them survives.
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The private key of a client, with the algorithm it signs with and its published id."""

    alg: str
    kid: str
    private_key: Any = field(repr=False, compare=False)

    @classmethod
    def load(cls, text: bytes) -> "ClientKey":
        """Read an unencrypted PEM private key or a private JWK.

        A PEM key signs with its type's usual algorithm (ES256 for P-256, RS256 for RSA, EdDSA) and
        is known by its thumbprint; a JWK may say otherwise. Raises ConfigurationError.
        """
        jwk: Mapping[str, Any] = {}
        try:
            if text.lstrip().startswith(b"{"):
                jwk = json.loads(text)
                private_key = _private_key_of(jwk)
            else:
                private_key = load_pem_private_key(text, password=None)
        except (ValueError, TypeError, KeyError, InvalidKeyError, UnsupportedAlgorithm) as error:
            # The text of the cause might quote the key.
            raise ConfigurationError("private_key_invalid", "neither PEM nor JWK") from error
        alg = jwk.get("alg") or _usual_algorithm(private_key)
        if alg not in ALGORITHMS:
            raise ConfigurationError("private_key_invalid", "no algorithm fits this key")
        public: dict[str, Any] = _algorithm(alg).to_jwk(private_key.public_key(), as_dict=True)
        return cls(alg, jwk.get("kid") or thumbprint(public), private_key)

    def assertion(self, client_id: str, audience: str, *, now: int, jti: str) -> str:
        """A ``private_key_jwt`` assertion (RFC 7523 section 3), good for a minute from ``now``."""
        header = {"alg": self.alg, "kid": self.kid, "typ": "JWT"}
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": jti,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        signed = f"{encode_json_segment(header)}.{encode_json_segment(claims)}"
        signature = _algorithm(self.alg).sign(signed.encode(), self.private_key)
        return f"{signed}.{b64url_encode(signature)}"


def _private_key_of(jwk: Mapping[str, Any]) -> Any:
    if "d" not in jwk:
        raise ConfigurationError("private_key_invalid", "the JWK has no private part")
    name = {"EC": "ES256", "RSA": "RS256", "OKP": "EdDSA"}[jwk["kty"]]
    # Only to parse: an EC key of any curve goes through the same reader.
    return type(_algorithm(name)).from_jwk(dict(jwk))


def _usual_algorithm(private_key: object) -> str | None:
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return _ALGORITHM_OF_CURVE.get(private_key.curve.name)
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    return "RS256" if isinstance(private_key, rsa.RSAPrivateKey) else None


def _algorithm(alg: str) -> Any:
    return get_default_algorithms()["EdDSA" if alg == "Ed25519" else alg]
