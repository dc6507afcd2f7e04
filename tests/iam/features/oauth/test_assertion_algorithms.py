"""What the metadata says about algorithms of client assertions is true of each of them."""

import hashlib
import hmac
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from iam_sdk.client_auth import ASSERTION_TYPE
from iam_sdk.encoding import b64url_encode, encode_json_segment
from tests.oauth import ask
from tests.world import ISSUER, Actor, World

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
SECRET = b"s" * 64
NOT_ADVERTISED = (
    *HASHES, "none", "None", "ES256K", "RS1", "Ed448", "ECDH-ES", "RSA-OAEP", "A256GCM", "dir",
    "es256", "PS1", "",
)  # fmt: skip


def library(alg: str) -> Any:
    return get_default_algorithms()["EdDSA" if alg == "Ed25519" else alg]


def new_key(alg: str) -> Any:
    if alg in CURVES:
        return ec.generate_private_key(CURVES[alg])
    if alg in {"EdDSA", "Ed25519"}:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def public_jwk(alg: str, key: Any) -> dict[str, Any]:
    members: dict[str, Any] = library(alg).to_jwk(key.public_key(), as_dict=True)
    return {**members, "kid": f"key-{alg}", "alg": alg, "use": "sig"}


def assertion(world: World, alg: str, kid: str, client_id: str, sign: Any) -> str:
    now = int(world.clock.now().timestamp())
    claims = {
        "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": alg, "iat": now, "exp": now + 60,
    }  # fmt: skip
    text = f"{encode_json_segment({'alg': alg, 'kid': kid})}.{encode_json_segment(claims)}"
    return f"{text}.{b64url_encode(sign(text.encode()))}"


async def register(admin: Actor, service: Actor, jwk: dict[str, Any]) -> httpx2.Response:
    body = {"kind": "public_key", "public_jwk": jwk}
    return await admin.http.post(f"/v1/services/{service.name}/credentials", json=body)


async def answer_to(world: World, text: str) -> httpx2.Response:
    form = {
        "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": text,
    }  # fmt: skip
    return await ask(world, "token", form)


async def advertised(world: World) -> set[str]:
    metadata = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    lists = [
        frozenset(metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"])
        for endpoint in ("token", "introspection", "revocation")
    ]
    assert len(set(lists)) == 1
    return set(lists[0])


async def test_every_advertised_algorithm_gets_a_token(world: World, admin: Actor) -> None:
    algorithms = await advertised(world)
    assert {"ES256", "PS256", "RS256", "EdDSA"} <= algorithms
    for alg in sorted(algorithms):
        service = await world.actor()
        key = new_key(alg)
        registered = await register(admin, service, public_jwk(alg, key))
        assert registered.status_code == 201, registered.text
        text = assertion(
            world,
            alg,
            f"key-{alg}",
            service.id,
            lambda data, k=key, a=alg: library(a).sign(data, k),
        )
        answer = await answer_to(world, text)
        assert answer.status_code == 200, (alg, answer.text)
        assert (await answer_to(world, text)).status_code == 401, alg


@pytest.mark.parametrize("alg", NOT_ADVERTISED)
async def test_te_18_an_algorithm_that_is_not_advertised_is_refused(
    world: World, admin: Actor, alg: str
) -> None:
    assert alg not in await advertised(world)
    service = await world.actor()
    key = new_key("ES256")
    jwk = public_jwk("ES256", key)
    oct_key = {"kty": "oct", "k": b64url_encode(SECRET), "alg": alg, "kid": "secret", "use": "sig"}
    for unusable in ({**jwk, "alg": alg}, oct_key):
        refused = await register(admin, service, unusable)
        assert refused.status_code in {400, 422}, refused.text
    assert (await register(admin, service, jwk)).status_code == 201

    def sign(data: bytes) -> bytes:
        if alg in HASHES:  # the public key as a shared secret: anybody could sign
            return hmac.digest(encode_json_segment(jwk).encode(), data, HASHES[alg])
        signature: bytes = library("ES256").sign(data, key)
        return signature

    for signer in (sign, lambda _: b""):
        answer = await answer_to(world, assertion(world, alg, "key-ES256", service.id, signer))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ["ES384", "RS256", "PS256", "EdDSA"])
async def test_te_18_a_key_signs_with_its_own_algorithm_alone(
    world: World, admin: Actor, alg: str
) -> None:
    """All advertised, and yet a key that was registered for another is not good for it."""
    service = await world.actor()
    registered = new_key("ES256")
    assert (await register(admin, service, public_jwk("ES256", registered))).status_code == 201
    for key in (registered if alg == "ES384" else new_key(alg), new_key(alg)):
        text = assertion(
            world, alg, "key-ES256", service.id, lambda data, k=key: library(alg).sign(data, k)
        )
        assert (await answer_to(world, text)).status_code == 401
