"""A public key is judged once, when its set is loaded."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from iam_sdk.encoding import b64url_encode
from iam_sdk.errors import KeyRefusedError
from iam_sdk.jwk import ALGORITHMS, load_key, thumbprint
from iam_sdk.testing import SigningKey

P25519 = 2**255 - 19
ORDER_8_Y = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
SMALL_ORDER_POINTS = {
    "identity": (1).to_bytes(32, "little"),
    "order 2": (P25519 - 1).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 4, other sign": (1 << 255).to_bytes(32, "little"),
    "order 8": bytes.fromhex(ORDER_8_Y),
    "order 8, other sign": bytes.fromhex(ORDER_8_Y[:-2] + "85"),
    "order 8, other y": bytes.fromhex(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
    ),
    "identity, not canonical": (P25519 + 1).to_bytes(32, "little"),
    "order 4, not canonical": P25519.to_bytes(32, "little"),
}


def uint(value: int) -> str:
    return b64url_encode(value.to_bytes((value.bit_length() + 7) // 8))


def reason_for(jwk: object) -> str:
    with pytest.raises(KeyRefusedError) as refusal:
        load_key(jwk)
    return refusal.value.reason


@pytest.fixture
def ec_jwk(signing_keys: dict[str, SigningKey]) -> dict[str, Any]:
    return dict(signing_keys["ES256"].jwk)


@pytest.fixture
def rsa_jwk(signing_keys: dict[str, SigningKey]) -> dict[str, Any]:
    return dict(signing_keys["RS256"].jwk)


@pytest.fixture
def okp_jwk(signing_keys: dict[str, SigningKey]) -> dict[str, Any]:
    return dict(signing_keys["EdDSA"].jwk)


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_a_good_key_of_every_algorithm_loads(alg: str, signing_keys: dict[str, SigningKey]) -> None:
    key = load_key(dict(signing_keys[alg].jwk))
    assert (key.alg, key.kid) == (alg, signing_keys[alg].kid)
    assert key.is_signature(signing_keys[alg].sign(b"data"), b"data")
    assert not key.is_signature(signing_keys[alg].sign(b"data"), b"other")


@pytest.mark.parametrize("jwk", [None, [], "key", 7])
def test_what_is_not_an_object_is_refused(jwk: object) -> None:
    assert reason_for(jwk) == "not_an_object"


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_jk_10_private_members_have_their_own_reason(member: str, ec_jwk: dict[str, Any]) -> None:
    assert reason_for(ec_jwk | {member: "AQ"}) == "private_members"


@pytest.mark.parametrize("kid", [None, 7, [], "", "k" * 257])
def test_jv_06_an_unusable_key_id_is_refused(kid: object, ec_jwk: dict[str, Any]) -> None:
    assert reason_for(ec_jwk | {"kid": kid}) == "key_id_invalid"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kty": "oct", "k": "AQ"}, "type_unknown"),
        ({"kty": "AKP"}, "type_unknown"),
        ({"kty": ["EC"]}, "type_unknown"),
        ({"alg": None}, "algorithm_not_allowed"),
        ({"alg": ["ES256"]}, "algorithm_not_allowed"),
        ({"alg": "HS256"}, "algorithm_not_allowed"),
        ({"alg": "none"}, "algorithm_not_allowed"),
        ({"alg": "ECDH-ES"}, "algorithm_not_allowed"),
        ({"alg": "RS256"}, "algorithm_mismatch"),
        ({"alg": "ES384"}, "curve_wrong"),
        ({"crv": "P-384"}, "curve_wrong"),
        ({"crv": "secp256k1"}, "curve_wrong"),
        ({"use": "enc"}, "use_wrong"),
        ({"use": None}, "use_wrong"),
        ({"key_ops": ["sign"]}, "operations_wrong"),
        ({"key_ops": "verify"}, "operations_wrong"),
        ({"x": None}, "member_missing"),
        ({"x": "A+/A"}, "encoding_invalid"),
        ({"x": b64url_encode(bytes(31))}, "length_wrong"),
        ({"x": b64url_encode(bytes(33))}, "length_wrong"),
    ],
)
def test_jk_09_a_key_that_breaks_the_policy_says_why(
    change: dict[str, Any], reason: str, ec_jwk: dict[str, Any]
) -> None:
    assert reason_for(ec_jwk | change) == reason


def test_use_and_operations_may_be_absent_or_right(ec_jwk: dict[str, Any]) -> None:
    del ec_jwk["use"]
    assert load_key(ec_jwk | {"key_ops": ["verify"]}).alg == "ES256"


@pytest.mark.parametrize("bits", [1024, 2047])
def test_jv_08_a_short_rsa_key_is_refused(bits: int, rsa_jwk: dict[str, Any]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    n = key.public_key().public_numbers().n
    assert reason_for(rsa_jwk | {"n": uint(n)}) == "rsa_size"


def test_jv_08_a_huge_rsa_key_is_refused(rsa_jwk: dict[str, Any]) -> None:
    assert reason_for(rsa_jwk | {"n": uint((1 << 16383) + 1)}) == "rsa_size"


@pytest.mark.parametrize("e", [1, 2, 4, 65536, (1 << 64) + 1])
def test_jv_08_a_bad_rsa_exponent_is_refused(e: int, rsa_jwk: dict[str, Any]) -> None:
    assert reason_for(rsa_jwk | {"e": uint(e)}) == "rsa_exponent"


def test_jv_08_an_even_rsa_modulus_is_refused(rsa_jwk: dict[str, Any]) -> None:
    assert reason_for(rsa_jwk | {"n": uint((1 << 2047) + 2)}) == "rsa_weak"


def test_jv_08_a_roca_modulus_is_refused(rsa_jwk: dict[str, Any]) -> None:
    # Both primes are powers of 65537 modulo the product of the small primes, and so is n.
    product = 1
    for p in range(2, 702):
        if all(p % divisor for divisor in range(2, p)):
            product *= p
    n = pow(65537, 12345, product) + product * ((1 << 2047) // product + 1)
    n += product * (n % 2 == 0)
    assert n.bit_length() == 2048
    assert reason_for(rsa_jwk | {"n": uint(n)}) == "rsa_weak"


def test_jv_08_an_rsa_number_with_leading_zeros_is_refused(rsa_jwk: dict[str, Any]) -> None:
    assert reason_for(rsa_jwk | {"e": b64url_encode(b"\0\1\0\1")}) == "encoding_invalid"
    assert reason_for(rsa_jwk | {"e": ""}) == "encoding_invalid"


def test_jv_08_the_point_at_infinity_is_refused(ec_jwk: dict[str, Any]) -> None:
    zero = b64url_encode(bytes(32))
    assert reason_for(ec_jwk | {"x": zero, "y": zero}) == "key_invalid"


def test_jv_08_a_point_off_the_curve_is_refused(ec_jwk: dict[str, Any]) -> None:
    assert reason_for(ec_jwk | {"x": ec_jwk["y"], "y": ec_jwk["x"]}) == "key_invalid"


@pytest.mark.parametrize("name", SMALL_ORDER_POINTS)
def test_jv_08_a_small_order_ed25519_point_is_refused(name: str, okp_jwk: dict[str, Any]) -> None:
    point = b64url_encode(SMALL_ORDER_POINTS[name])
    assert reason_for(okp_jwk | {"x": point}) == "point_weak"


def test_jv_08_an_ed25519_point_off_the_curve_is_refused(okp_jwk: dict[str, Any]) -> None:
    # y = 2 has no x on the curve.
    point = b64url_encode((2).to_bytes(32, "little"))
    assert reason_for(okp_jwk | {"x": point}) == "point_weak"


def test_ed448_is_refused(okp_jwk: dict[str, Any]) -> None:
    assert reason_for(okp_jwk | {"crv": "Ed448", "x": b64url_encode(bytes(57))}) == "curve_wrong"


def test_jk_15_the_thumbprint_is_that_of_rfc_7638() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_jk_15_the_thumbprint_of_an_okp_key_is_that_of_rfc_8037() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("jwk", [{}, {"kty": ["EC"]}, {"kty": "oct", "k": "AQ"}, {"kty": "EC"}])
def test_a_key_without_a_thumbprint_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(KeyRefusedError):
        thumbprint(jwk)
