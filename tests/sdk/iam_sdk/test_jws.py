"""The wrapping of a signature is judged as strictly as the signature itself."""

import json
import random  # noqa: TID251 - a fuzzer with a fixed seed
import string
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws as oracle
from joserfc.jwk import KeySet as OracleKeySet
from jwt.algorithms import get_default_algorithms

from iam_sdk.encoding import b64url_decode, b64url_encode
from iam_sdk.errors import KeySetError, TokenInvalid
from iam_sdk.jwk import ALGORITHMS
from iam_sdk.jws import KeySet, parse_header, unverified_payload, verify_compact, verify_jws
from iam_sdk.testing import LocalIssuer, SigningKey

FUZZ_ALPHABET = string.printable + "é\ud800\U0001f600"
PAYLOAD = b'{"sub":"u1"}'
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def reason_for(token: Any, keys: KeySet, algorithms: frozenset[str] = ALGORITHMS) -> str:
    with pytest.raises(TokenInvalid) as refusal:
        verify_compact(token, keys, algorithms)
    return refusal.value.reason


def with_raw_header(key: SigningKey, header: bytes, payload: bytes = PAYLOAD) -> str:
    signed = f"{b64url_encode(header)}.{b64url_encode(payload)}"
    return f"{signed}.{b64url_encode(key.sign(signed.encode()))}"


@pytest.fixture(scope="module")
def key(signing_keys: dict[str, SigningKey]) -> SigningKey:
    return signing_keys["ES256"]


@pytest.fixture(scope="module")
def keys(signing_keys: dict[str, SigningKey]) -> KeySet:
    return KeySet.from_jwks({"keys": [dict(k.jwk) for k in signing_keys.values()]})


@pytest.fixture(scope="module")
def sign(key: SigningKey) -> Callable[..., str]:
    def sign(payload: bytes = PAYLOAD, **header: Any) -> str:
        members = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"} | header
        return key.sign_compact({k: v for k, v in members.items() if v is not ...}, payload)

    return sign


@pytest.fixture(scope="module")
def good(sign: Callable[..., str]) -> str:
    return sign()


# joserfc warns that RFC 9864 prefers the name Ed25519.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
def test_a_good_token_of_every_algorithm_verifies_here_and_at_the_oracle(
    alg: str, keys: KeySet, signing_keys: dict[str, SigningKey]
) -> None:
    signer = signing_keys[alg]
    token = signer.sign_compact({"alg": alg, "kid": signer.kid}, PAYLOAD)
    assert verify_compact(token, keys, {alg}) == PAYLOAD
    their_keys = OracleKeySet.import_key_set({"keys": [dict(signer.jwk)]})
    assert oracle.deserialize_compact(token, their_keys, [alg]).payload == PAYLOAD


@pytest.mark.parametrize("alg", sorted(ALGORITHMS - {"Ed25519"}))
def test_a_token_signed_by_pyjwt_verifies(
    alg: str, keys: KeySet, signing_keys: dict[str, SigningKey]
) -> None:
    signer = signing_keys[alg]
    token = jwt.encode({"sub": "u1"}, signer.private_key, alg, headers={"kid": signer.kid})
    assert verify_compact(token, keys, {alg}) == PAYLOAD


def test_the_header_comes_with_the_payload(good: str, keys: KeySet, key: SigningKey) -> None:
    verified = verify_jws(good, keys)
    assert (verified.header.typ, verified.header.kid) == ("at+jwt", key.kid)
    assert parse_header(good) == verified.header
    assert unverified_payload(good) == verified.payload == PAYLOAD


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, ..., ["ES256"], {"a": 1}, 7, "es256"]
)
def test_jv_01_no_algorithm_is_no_signature(
    alg: object, sign: Callable[..., str], keys: KeySet
) -> None:
    signed = sign(alg=alg)
    assert reason_for(signed, keys) == "algorithm_not_allowed"
    assert reason_for(signed.rpartition(".")[0] + ".", keys) == "algorithm_not_allowed"


def test_jv_01_an_encrypted_token_is_refused(good: str, keys: KeySet) -> None:
    assert reason_for(good + ".AQ.AQ", keys) == "malformed"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "der", "ssh", "jwk", "raw"])
def test_jv_02_our_public_key_is_no_shared_secret(
    alg: str, form: str, key: SigningKey, keys: KeySet
) -> None:
    encoding, public_format = serialization.Encoding, serialization.PublicFormat
    public = key.private_key.public_key()
    secret = {  # type: ignore[no-untyped-call]  # the lambdas have no types
        "pem": lambda: public.public_bytes(encoding.PEM, public_format.SubjectPublicKeyInfo),
        "der": lambda: public.public_bytes(encoding.DER, public_format.SubjectPublicKeyInfo),
        "ssh": lambda: public.public_bytes(encoding.OpenSSH, public_format.OpenSSH),
        "jwk": lambda: json.dumps(dict(key.jwk)).encode(),
        "raw": lambda: b64url_decode(key.jwk["x"]) + b64url_decode(key.jwk["y"]),
    }[form]()
    header = b64url_encode(json.dumps({"alg": alg, "kid": key.kid}).encode())
    signed = f"{header}.{b64url_encode(PAYLOAD)}"
    # PyJWT refuses to sign with a public key, as it should; the attacker does not ask it.
    hmac = get_default_algorithms()[alg].sign(signed.encode(), secret)
    token = f"{signed}.{b64url_encode(hmac)}"
    assert reason_for(token, keys) == "algorithm_not_allowed"
    assert reason_for(token, keys, ALGORITHMS | {alg}) == "algorithm_not_allowed"


def test_jv_02_a_symmetric_key_in_the_set_is_never_used(key: SigningKey) -> None:
    secret = {"kty": "oct", "k": b64url_encode(bytes(32)), "alg": "HS256", "kid": "s"}
    keys = KeySet.from_jwks({"keys": [secret, dict(key.jwk)]})
    assert list(keys) == [key.kid]
    assert [(k.index, k.kid, k.reason) for k in keys.refused] == [(0, "s", "type_unknown")]


def test_jv_03_an_algorithm_outside_the_callers_list_is_refused(good: str, keys: KeySet) -> None:
    assert reason_for(good, keys, frozenset({"RS256"})) == "algorithm_not_allowed"
    assert reason_for(good, keys, frozenset()) == "algorithm_not_allowed"


@pytest.mark.parametrize(
    ("of_key", "in_header"),
    [("RS256", "PS256"), ("PS256", "RS256"), ("ES384", "ES256"), ("EdDSA", "Ed25519")],
)
def test_jv_04_a_key_serves_one_algorithm(
    of_key: str, in_header: str, keys: KeySet, signing_keys: dict[str, SigningKey]
) -> None:
    signer = signing_keys[of_key]
    other = SigningKey(in_header, signer.private_key, signer.jwk)
    token = other.sign_compact({"alg": in_header, "kid": signer.kid}, PAYLOAD)
    assert reason_for(token, keys) == "algorithm_mismatch"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("jku", "https://evil.test/jwks"),
        ("x5u", "https://evil.test/cert"),
        ("x5c", ["MIIB"]),
        ("jwk", None),
    ],
)
def test_jv_05_a_header_that_brings_a_key_is_refused(
    member: str, value: object, key: SigningKey, sign: Callable[..., str], keys: KeySet
) -> None:
    for brought in (value, dict(key.jwk), dict(SigningKey.generate().jwk)):
        assert reason_for(sign(**{member: brought}), keys) == "header_forbidden"


@pytest.mark.parametrize("kid", [..., None, 7, ["a"], "k" * 10_000, "", "k" * 257, {"a": 1}, True])
def test_jv_06_a_malformed_key_id_is_refused(
    kid: object, sign: Callable[..., str], keys: KeySet
) -> None:
    assert reason_for(sign(kid=kid), keys) in {"key_id_invalid", "too_large"}


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1", "unknown", "\u0000"])
def test_jv_06_an_unknown_key_id_is_only_looked_up(
    kid: str, sign: Callable[..., str], keys: KeySet
) -> None:
    assert reason_for(sign(kid=kid), keys) == "key_unknown"


def test_jv_06_keys_that_share_an_id_are_both_unused(good: str, key: SigningKey) -> None:
    other = dict(SigningKey.generate().jwk) | {"kid": key.kid}
    keys = KeySet.from_jwks({"keys": [dict(key.jwk), other]})
    assert reason_for(good, keys) == "key_unknown"
    assert {k.reason for k in keys.refused} == {"key_id_repeated"}


def test_jv_07_a_prepared_key_counts_and_a_retired_or_tainted_one_does_not() -> None:
    issuer = LocalIssuer(now=lambda: 1_800_000_000)
    before = issuer.token_for(audience="a")
    published = issuer.key_set()
    retired = issuer.keys[0]
    prepared = issuer.rotate()
    both = issuer.key_set()
    after = issuer.token_for(audience="a")
    assert reason_for(after, published) == "key_unknown"
    assert verify_compact(after, both)
    assert verify_compact(before, both)
    assert reason_for(before, both.without({retired.kid})) == "key_unknown"
    assert verify_compact(after, both.without({retired.kid}))
    assert list(both.without({retired.kid})) == [prepared.kid]


@pytest.mark.parametrize(
    "bend",
    [
        lambda s: s[:-1],
        lambda s: s + b"\0",
        lambda _: b"",
        lambda _: bytes(64),
        lambda s: bytes(32) + s[32:],
        lambda s: s[:32] + bytes(32),
        lambda s: P256_ORDER.to_bytes(32) + s[32:],
        lambda s: s[:32] + P256_ORDER.to_bytes(32),
        lambda s: encode_dss_signature(int.from_bytes(s[:32]), int.from_bytes(s[32:])),
    ],
)
def test_jv_09_a_bent_signature_is_refused(
    bend: Callable[[bytes], bytes], good: str, keys: KeySet
) -> None:
    signed, _, signature = good.rpartition(".")
    token = f"{signed}.{b64url_encode(bend(b64url_decode(signature)))}"
    assert reason_for(token, keys) == "signature_invalid"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "EdDSA"])
def test_jv_09_a_signature_of_another_length_is_refused(
    alg: str, keys: KeySet, signing_keys: dict[str, SigningKey]
) -> None:
    signer = signing_keys[alg]
    signed, _, signature = signer.sign_compact({"alg": alg, "kid": signer.kid}, PAYLOAD).rpartition(
        "."
    )
    raw = b64url_decode(signature)
    for bent in (b"", raw[:-1], raw + b"\0", b"\0" + raw, bytes(len(raw))):
        assert reason_for(f"{signed}.{b64url_encode(bent)}", keys) == "signature_invalid"


@pytest.mark.parametrize(
    "crit", [["exp"], [], ["exp", "exp"], ["alg"], "exp", None, {"a": 1}, ["b64"]]
)
def test_jv_10_a_critical_extension_is_refused(
    crit: object, sign: Callable[..., str], keys: KeySet
) -> None:
    assert reason_for(sign(crit=crit), keys) == "header_forbidden"


def test_jv_10_an_unencoded_payload_is_refused(sign: Callable[..., str], keys: KeySet) -> None:
    assert reason_for(sign(b64=False, crit=["b64"]), keys) == "header_forbidden"
    assert reason_for(sign(b64=True), keys) == "header_forbidden"


def test_jv_11_a_duplicate_header_member_is_refused(key: SigningKey, keys: KeySet) -> None:
    header = f'{{"alg":"none","alg":"ES256","kid":"{key.kid}"}}'.encode()
    assert reason_for(with_raw_header(key, header), keys) == "header_malformed"


@pytest.mark.parametrize(
    "bend",
    [
        lambda t: t + "=",
        lambda t: t + "==",
        lambda t: t.replace(".", "=.", 1),
        lambda t: "Bearer " + t,
        lambda t: t + "\n",
        lambda t: " " + t,
        lambda t: t + "\x00",
        lambda t: t.replace(".", "..", 1),
        lambda t: "." + t,
        lambda t: t + ".",
        lambda t: t.replace(".", "", 1),
        lambda t: t.replace(".", ".\u00e9", 1),
        lambda t: t[:-1] + "+",
        lambda t: t[:-1] + "/",
        lambda t: t[:-1] + chr(ord(t[-1]) + 1),  # 64 octets end in unused bits
        lambda t: t[:40] + "\n" + t[40:],
        lambda _: "",
        lambda _: "..",
        lambda _: ".",
    ],
)
def test_jv_12_another_spelling_is_refused(
    bend: Callable[[str], str], good: str, keys: KeySet
) -> None:
    with pytest.raises(TokenInvalid):
        verify_compact(bend(good), keys)


@pytest.mark.parametrize("token", [None, b"a.b.c", 7, ["a", "b", "c"]])
def test_jv_12_what_is_no_text_is_refused(token: object, keys: KeySet) -> None:
    assert reason_for(token, keys) == "malformed"


@pytest.mark.parametrize(
    "bend",
    [
        lambda h: h.decode().encode("utf-16"),
        lambda h: b"\xef\xbb\xbf" + h,
        lambda h: h.replace(b"}", b',"a":"\xff"}'),
        lambda h: h.replace(b"}", b',"a":"\\ud800"}'),
        lambda h: h.replace(b"}", b',"a":NaN}'),
        lambda h: h.replace(b"}", b',"a":Infinity}'),
        lambda h: h.replace(b"}", b',"a":1e400}'),
        lambda h: h.replace(b"}", b',"a":' + b"9" * 1000 + b"}"),
        lambda h: b"[" + h + b"]",
        lambda _: b"7",
        lambda _: b"",
        lambda _: b"[" * 1000 + b"]" * 1000,
        lambda h: h.replace(b'"typ":"at+jwt"', b'"typ":7'),
    ],
)
def test_jv_13_a_header_that_is_not_strict_json_is_refused(
    bend: Callable[[bytes], bytes], key: SigningKey, keys: KeySet
) -> None:
    header = json.dumps(
        {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}, separators=(",", ":")
    ).encode()
    assert verify_compact(with_raw_header(key, header), keys) == PAYLOAD
    assert reason_for(with_raw_header(key, bend(header)), keys) in {
        "header_malformed",
        "too_large",
    }


@pytest.mark.parametrize("size", [17 * 1024, 5 * 1024 * 1024])
def test_jv_14_a_large_token_is_refused_before_it_is_decoded(
    size: int, sign: Callable[..., str], keys: KeySet
) -> None:
    assert reason_for("A" * size, keys) == "too_large"
    assert reason_for(sign(b"A" * size), keys) == "too_large"


def test_jv_14_a_large_header_is_refused(sign: Callable[..., str], keys: KeySet) -> None:
    assert reason_for(sign(note="n" * 2000), keys) == "too_large"


@pytest.mark.parametrize(
    "header",
    [
        {"zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "p2c": 10**9, "enc": "A128GCM"},
        {"enc": "A128GCM"},
        {"p2c": 10**9},
    ],
)
def test_jv_28_a_bomb_is_refused_by_its_header(
    header: dict[str, Any], sign: Callable[..., str], keys: KeySet
) -> None:
    assert reason_for(sign(**header), keys) in {"header_forbidden", "algorithm_not_allowed"}


@pytest.mark.parametrize(
    "jwks", [{}, [], None, "keys", {"keys": {}}, {"keys": None}, {"keys": "a"}]
)
def test_jk_08_what_is_no_key_set_is_refused(jwks: object) -> None:
    with pytest.raises(KeySetError) as refusal:
        KeySet.from_jwks(jwks)
    assert refusal.value.reason == "not_a_key_set"


def test_jk_08_too_many_keys_are_refused(key: SigningKey) -> None:
    with pytest.raises(KeySetError) as refusal:
        KeySet.from_jwks({"keys": [dict(key.jwk)] * 51})
    assert refusal.value.reason == "too_many_keys"


def test_jk_08_an_empty_set_knows_no_key(good: str) -> None:
    keys = KeySet.from_jwks({"keys": []})
    assert len(keys) == 0
    assert reason_for(good, keys) == "key_unknown"


@pytest.mark.parametrize("bad", [{"kty": "AKP", "kid": "x"}, {"kty": "RSA"}, None, 7, {}])
def test_jk_09_one_unusable_key_does_not_spoil_the_others(
    bad: object, good: str, key: SigningKey
) -> None:
    keys = KeySet.from_jwks({"keys": [bad, dict(key.jwk)]})
    assert verify_compact(good, keys) == PAYLOAD
    assert key.kid in keys
    assert [refused.index for refused in keys.refused] == [0]


def test_jk_10_a_set_that_shows_a_private_key_is_refused_whole(key: SigningKey) -> None:
    leaked = dict(SigningKey.generate().jwk) | {"d": "AQ"}
    with pytest.raises(KeySetError) as refusal:
        KeySet.from_jwks({"keys": [dict(key.jwk), leaked]})
    assert refusal.value.reason == "private_members"


def test_no_message_shows_the_token(good: str, keys: KeySet) -> None:
    with pytest.raises(TokenInvalid) as refusal:
        verify_compact(good[:-4] + "AAAA", keys)
    assert str(refusal.value) == "signature_invalid"


def mutate(token: str, chance: random.Random) -> str:
    """One to three random edits, of the kinds that break parsers."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(token) + 1)
        piece = "".join(
            chance.choices(string.printable + "é\ud800\U0001f600", k=chance.randint(0, 4))
        )
        token = chance.choice([
            token[:at] + piece + token[at + len(piece) :],
            token[:at] + piece + token[at:],
            token[:at] + token[at + chance.randint(1, 40) :],
            token[at:] + token[:at],
            token[:at] + token[: chance.randint(0, 50)] + token[at:],
        ])  # fmt: skip
    return token


def mutate_inside(key: SigningKey, chance: random.Random) -> str:
    """A well-signed token around a mutated header: what reaches the code behind the decoding."""
    header = json.dumps({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"})
    return with_raw_header(key, mutate(header, chance).encode(errors="surrogatepass"))


def fuzz(rounds: int, key: SigningKey, keys: KeySet, good: str) -> None:
    chance = random.Random(34)  # noqa: S311 - reproducible, and no secret
    for number in range(rounds):
        token = mutate_inside(key, chance) if number % 4 == 0 else mutate(good, chance)
        try:
            payload = verify_compact(token, keys)
        except TokenInvalid:
            continue
        assert payload == PAYLOAD, token
        assert number % 4 == 0 or token == good


def test_jv_34_mutated_tokens_raise_nothing_else(key: SigningKey, keys: KeySet, good: str) -> None:
    fuzz(5_000, key, keys, good)


@pytest.mark.long
def test_jv_34_100_000_mutated_tokens_raise_nothing_else(
    key: SigningKey, keys: KeySet, good: str
) -> None:
    fuzz(100_000, key, keys, good)


def test_what_the_oracle_refuses_is_refused_here(key: SigningKey, keys: KeySet, good: str) -> None:
    chance = random.Random(35)  # noqa: S311 - reproducible, and no secret
    registry = oracle.JWSRegistry(strict_check_header=False)
    theirs = OracleKeySet.import_key_set({"keys": [dict(key.jwk)]})
    for number in range(1_000):
        token = mutate_inside(key, chance) if number % 2 else mutate(good, chance)
        try:
            verify_compact(token, keys)
        except TokenInvalid:
            continue
        judged = oracle.deserialize_compact(token, theirs, ["ES256"], registry=registry)
        assert judged.payload == PAYLOAD
