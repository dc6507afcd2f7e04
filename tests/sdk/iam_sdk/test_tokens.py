"""Every claim of an access token or client assertion is required, typed and right."""

import json
import random  # noqa: TID251 - a fuzzer with a fixed seed
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from joserfc import jwt as oracle
from joserfc.jwk import KeySet as OracleKeySet

from iam_sdk.errors import TokenInvalid
from iam_sdk.jws import KeySet
from iam_sdk.testing import LocalIssuer, SigningKey
from iam_sdk.tokens import (
    AccessToken,
    claimed_client_id,
    verify_access_token,
    verify_client_assertion,
)

NOW = 1_800_000_000
AUDIENCE = "https://billing.test"
CLIENT = "svc_00000000000000000000000001"
ENDPOINT = "https://iam.test/oauth2/token"

Claims = dict[str, Any]


@pytest.fixture(scope="module")
def keys(issuer: LocalIssuer) -> KeySet:
    return issuer.key_set()


@pytest.fixture(scope="module")
def verify(issuer: LocalIssuer, keys: KeySet) -> Callable[..., AccessToken]:
    def verify(token: str, **expected: Any) -> AccessToken:
        facts: Claims = {
            "keys": keys,
            "expected_issuer": issuer.issuer,
            "expected_audience": AUDIENCE,
            "now": NOW,
        }
        return verify_access_token(token, **(facts | expected))

    return verify


@pytest.fixture(scope="module")
def mint(issuer: LocalIssuer) -> Callable[..., str]:
    def mint(**claims: Any) -> str:
        return issuer.token_for("service/orders", audience=AUDIENCE, claims=claims)

    return mint


@pytest.fixture(scope="module")
def reason_for(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> Callable[[Claims], str]:
    def reason_for(claims: Claims, **expected: Any) -> str:
        with pytest.raises(TokenInvalid) as refusal:
            verify(mint(**claims), **expected)
        return refusal.value.reason

    return reason_for


def test_a_good_token_says_who_and_for_how_long(
    issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    token = issuer.token_for(
        "service/orders",
        audience=AUDIENCE,
        scope=["read", "write"],
        claims={"sid": "ses_1", "epoch": 3, "acr": "aal1"},
    )
    access = verify(token, expected_account="main")
    assert access.subject == access.client_id
    assert access.subject.startswith("svc_")
    assert access.arn == "arn:iam:iam::main:service/orders"
    assert (access.account, access.scope) == ("main", frozenset({"read", "write"}))
    assert (access.issued_at, access.expires_at) == (NOW, NOW + 3600)
    assert (access.session_id, access.epoch, access.actors, access.act) == ("ses_1", 3, (), None)
    assert access.key_id == issuer.key.kid
    assert access.jti.startswith("tok_")
    assert access.claims["acr"] == "aal1"


def test_what_was_verified_cannot_be_changed(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> None:
    access = verify(mint())
    with pytest.raises(FrozenInstanceError):
        access.subject = "root"  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        access.claims["sub"] = "root"  # type: ignore[index]  # the point of the test


def test_optional_claims_may_be_absent(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> None:
    access = verify(mint(scope=None, nbf=None, epoch=None))
    assert (access.scope, access.session_id, access.epoch) == (frozenset(), None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"sub":"u1","sub":"admin"}',
        b'{"act":{"sub":"a","sub":"b"}}',
    ],
)
def test_jv_11_duplicate_claims_are_refused(
    payload: bytes, issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    assert raw_reason(payload, issuer, verify) == "claims_malformed"


@pytest.mark.parametrize(
    "bend",
    [
        lambda p: p.decode().encode("utf-16"),
        lambda p: b"\xef\xbb\xbf" + p,
        lambda p: p[:-1] + b',"a":"\xff"}',
        lambda p: p[:-1] + b',"a":"\\ud800"}',
        lambda p: p[:-1] + b',"a":NaN}',
        lambda p: p[:-1] + b',"a":-Infinity}',
        lambda p: p[:-1] + b',"a":1e400}',
        lambda p: p[:-1] + b',"a":' + b"9" * 5000 + b"}",
        lambda p: p[:-1] + b',"a":' + b"[" * 40 + b"]" * 40 + b"}",
        lambda p: b"[" + p + b"]",
        lambda _: b"",
        lambda _: b"null",
        lambda _: b"7",
    ],
)
def test_jv_13_claims_that_are_not_strict_json_are_refused(
    bend: Callable[[bytes], bytes], issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    payload = json.dumps(valid_claims(issuer)).encode()
    verify(raw_token(payload, issuer))
    assert raw_reason(bend(payload), issuer, verify) == "claims_malformed"


def valid_claims(issuer: LocalIssuer) -> Claims:
    return {
        "iss": issuer.issuer, "aud": AUDIENCE, "sub": "svc_1", "client_id": "svc_1", "jti": "tok_1",
        "arn": "arn:iam:iam::main:service/a", "account": "main", "iat": NOW, "exp": NOW + 60,
    }  # fmt: skip


def raw_token(payload: bytes, issuer: LocalIssuer) -> str:
    return issuer.key.sign_compact(
        {"alg": "ES256", "kid": issuer.key.kid, "typ": "at+jwt"}, payload
    )


def raw_reason(payload: bytes, issuer: LocalIssuer, verify: Callable[..., AccessToken]) -> str:
    with pytest.raises(TokenInvalid) as refusal:
        verify(raw_token(payload, issuer))
    return refusal.value.reason


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+JWT"])
def test_jv_15_the_type_of_an_access_token_is_accepted(
    typ: str, issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    verify(issuer.sign(valid_claims(issuer), typ=typ))


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "secevent+jwt", "dpop+jwt", "", "at+jwt "])
def test_jv_15_another_type_is_refused(
    typ: str, issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    with pytest.raises(TokenInvalid, match=r"^type_wrong$"):
        verify(issuer.sign(valid_claims(issuer), typ=typ))


def test_jv_15_a_missing_type_is_refused(
    issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    header = {"alg": "ES256", "kid": issuer.key.kid}
    token = issuer.key.sign_compact(header, json.dumps(valid_claims(issuer)).encode())
    with pytest.raises(TokenInvalid, match=r"^type_wrong$"):
        verify(token)


def test_jv_16_an_id_token_is_no_access_token(
    issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    id_token = issuer.sign(valid_claims(issuer) | {"nonce": "n", "at_hash": "h"}, typ="JWT")
    with pytest.raises(TokenInvalid, match=r"^type_wrong$"):
        verify(id_token)


@pytest.mark.parametrize("exp", [None, str(NOW + 60), True, NOW + 60.5, -1, 0, [NOW + 60], "never"])
def test_jv_17_an_expiry_that_is_no_future_integer_is_refused(
    exp: object, reason_for: Callable[..., str]
) -> None:
    assert reason_for({"exp": exp}) == "time_invalid"


def test_jv_17_the_leeway_of_expiry_is_30_seconds(
    mint: Callable[..., str], verify: Callable[..., AccessToken], reason_for: Callable[..., str]
) -> None:
    assert reason_for({"iat": NOW - 600, "exp": NOW - 31}) == "expired"
    assert reason_for({"iat": NOW - 600, "exp": NOW - 30}) == "expired"
    assert verify(mint(iat=NOW - 600, exp=NOW - 29)).expires_at == NOW - 29
    assert reason_for({"iat": NOW - 600, "exp": NOW - 29}, leeway=0) == "expired"


def test_jv_18_a_token_from_the_future_is_refused_beyond_the_leeway(
    mint: Callable[..., str], verify: Callable[..., AccessToken], reason_for: Callable[..., str]
) -> None:
    assert reason_for({"nbf": NOW + 31}) == "not_yet_valid"
    assert reason_for({"iat": NOW + 61, "nbf": None}) == "not_yet_valid"
    verify(mint(nbf=NOW + 10))
    verify(mint(iat=NOW + 10, nbf=None))
    verify(mint(iat=NOW + 59, nbf=None))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("value", ["1800000000", 1.8e9, True, []])
def test_jv_18_other_times_are_integers_too(
    claim: str, value: object, reason_for: Callable[..., str]
) -> None:
    assert reason_for({claim: value}) == "time_invalid"


def test_jv_18_the_issue_time_is_required_and_before_the_expiry(
    reason_for: Callable[..., str],
) -> None:
    assert reason_for({"iat": None}) == "time_invalid"
    assert reason_for({"iat": -1}) == "time_invalid"
    assert reason_for({"iat": NOW + 20, "exp": NOW + 20}) == "time_invalid"


def test_jv_19_a_long_life_is_refused(
    mint: Callable[..., str], verify: Callable[..., AccessToken], reason_for: Callable[..., str]
) -> None:
    verify(mint(exp=NOW + 86_400))
    assert reason_for({"exp": NOW + 86_401}) == "lifetime_too_long"
    assert reason_for({"exp": NOW + 10 * 365 * 86_400}) == "lifetime_too_long"
    assert reason_for({"exp": NOW + 601}, max_lifetime=600) == "lifetime_too_long"


@pytest.mark.parametrize(
    "aud",
    [
        None,
        7,
        {"a": AUDIENCE},
        [],
        "https://other.test",
        AUDIENCE + "/",
        [AUDIENCE, 7],
        [[AUDIENCE]],
    ],
)
def test_jv_20_another_audience_is_refused(aud: object, reason_for: Callable[..., str]) -> None:
    assert reason_for({"aud": aud}) == "audience_wrong"


def test_jv_20_a_list_may_hold_ours_unless_only_ours_will_do(
    mint: Callable[..., str], verify: Callable[..., AccessToken], reason_for: Callable[..., str]
) -> None:
    several = [AUDIENCE, "https://other.test"]
    verify(mint(aud=several))
    verify(mint(aud=[AUDIENCE]), strict_single_audience=True)
    assert reason_for({"aud": several}, strict_single_audience=True) == "audience_wrong"


@pytest.mark.parametrize(
    "iss",
    [None, "https://iam", "https://iam.test/", "https://IAM.test", ["https://iam.test"], 7, ""],
)
def test_jv_21_another_issuer_is_refused(iss: object, reason_for: Callable[..., str]) -> None:
    assert reason_for({"iss": iss}) == "issuer_wrong"


@pytest.mark.parametrize("value", [None, 7, "", "s" * 256, ["a"], {"a": 1}])
@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("sub", "subject_invalid"),
        ("jti", "token_id_invalid"),
        ("client_id", "client_id_invalid"),
        ("account", "account_wrong"),
    ],
)
def test_jv_22_and_jv_23_who_and_which_are_required(
    claim: str, reason: str, value: object, reason_for: Callable[..., str]
) -> None:
    assert reason_for({claim: value}) == reason


@pytest.mark.parametrize("arn", [None, 7, "", "a" * 2049])
def test_the_arn_is_required(arn: object, reason_for: Callable[..., str]) -> None:
    assert reason_for({"arn": arn}) == "arn_invalid"


@pytest.mark.parametrize("sid", [7, "", "s" * 256, None])
def test_a_malformed_session_id_is_refused(
    sid: object, issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    with pytest.raises(TokenInvalid, match=r"^session_invalid$"):
        verify(issuer.sign(valid_claims(issuer) | {"sid": sid}))


@pytest.mark.parametrize("epoch", [-1, "1", 1.5, True, None])
def test_a_malformed_epoch_is_refused(
    epoch: object, issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    with pytest.raises(TokenInvalid, match=r"^epoch_invalid$"):
        verify(issuer.sign(valid_claims(issuer) | {"epoch": epoch}))


@pytest.mark.parametrize(
    "scope", [["admin"], 7, "admin ", " admin", "a  b", "a\tb", "a\u00a0b", 'a"b', "a\\b", " "]
)
def test_jv_24_a_scope_that_is_not_exactly_a_list_of_words_is_refused(
    scope: object, reason_for: Callable[..., str]
) -> None:
    assert reason_for({"scope": scope}) == "scope_invalid"


def test_jv_24_scopes_are_case_sensitive_and_whole(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> None:
    scope = verify(mint(scope="ADMIN administrator")).scope
    assert scope == {"ADMIN", "administrator"}
    assert "admin" not in scope


def test_jv_25_a_token_of_another_account_is_refused(
    mint: Callable[..., str], verify: Callable[..., AccessToken], reason_for: Callable[..., str]
) -> None:
    verify(mint(account="b"))
    assert reason_for({"account": "b"}, expected_account="main") == "account_wrong"


def test_jv_26_a_key_id_of_another_installation_does_not_help(
    issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    other = LocalIssuer("https://iam.test", now=lambda: NOW)
    stolen_id = dict(other.key.jwk) | {"kid": issuer.key.kid}
    other.keys = [SigningKey("ES256", other.key.private_key, stolen_id)]
    with pytest.raises(TokenInvalid, match=r"^signature_invalid$"):
        verify(other.token_for(audience=AUDIENCE))


def delegated(depth: int) -> Claims | None:
    act: Claims | None = None
    for number in range(depth, 0, -1):
        act = {"sub": f"svc_{number}"} | ({"act": act} if act else {})
    return act


def test_jv_27_the_subject_decides_and_the_actors_are_told(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> None:
    access = verify(mint(sub="usr_1", act=delegated(5)))
    assert access.subject == "usr_1"
    assert access.actors == ("svc_1", "svc_2", "svc_3", "svc_4", "svc_5")
    assert access.act == delegated(5)


@pytest.mark.parametrize(
    "act", [delegated(6), delegated(20), "svc_1", [], {}, {"sub": 7}, {"sub": "a", "act": "b"}]
)
def test_jv_27_a_malformed_or_deep_chain_of_actors_is_refused(
    act: object, reason_for: Callable[..., str]
) -> None:
    assert reason_for({"act": act}) == "actor_invalid"


def test_jv_31_threads_see_no_false_refusal_while_keys_rotate() -> None:
    issuer = LocalIssuer("https://iam.test", now=lambda: NOW)
    current = {"keys": issuer.key_set()}
    token = issuer.token_for(audience=AUDIENCE)
    refusals: list[Exception] = []

    def verify_often() -> None:
        for _ in range(20):
            try:
                verify_access_token(
                    token, keys=current["keys"], expected_issuer=issuer.issuer,
                    expected_audience=AUDIENCE, now=NOW,
                )  # fmt: skip
            except TokenInvalid as refusal:
                refusals.append(refusal)

    threads = [threading.Thread(target=verify_often) for _ in range(64)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        issuer.rotate()
        current["keys"] = issuer.key_set()
    for thread in threads:
        thread.join()
    assert refusals == []


def test_jv_32_the_expiry_is_there_for_long_requests(
    mint: Callable[..., str], verify: Callable[..., AccessToken]
) -> None:
    assert verify(mint(exp=NOW + 5)).expires_at == NOW + 5


def test_jv_34_mutated_claims_raise_nothing_else(
    issuer: LocalIssuer, verify: Callable[..., AccessToken]
) -> None:
    chance = random.Random(34)  # noqa: S311 - reproducible, and no secret
    values: list[Any] = [
        None,
        True,
        -1,
        0,
        1.5,
        "",
        "x",
        [],
        {},
        [[]],
        {"sub": {}},
        NOW,
        str(NOW),
        "a b",
        10**19,
    ]
    names = [*valid_claims(issuer), "nbf", "scope", "sid", "epoch", "act"]
    for _ in range(2_000):
        claims = valid_claims(issuer)
        for name in chance.choices(names, k=chance.randint(1, 3)):
            claims[name] = chance.choice(values)
        try:
            access = verify(issuer.sign(claims))
        except TokenInvalid:
            continue
        assert (access.subject, access.account) == (claims["sub"], claims["account"])


def test_what_is_accepted_here_the_oracle_accepts_too(
    issuer: LocalIssuer, verify: Callable[..., AccessToken], mint: Callable[..., str]
) -> None:
    theirs = OracleKeySet.import_key_set(issuer.jwks())  # type: ignore[arg-type]  # a mapping is enough
    registry = oracle.JWTClaimsRegistry(
        now=NOW,
        iss={"essential": True, "value": issuer.issuer},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )
    for token in (mint(), mint(aud=["https://other.test", AUDIENCE]), mint(act=delegated(3))):
        access = verify(token)
        judged = oracle.decode(token, theirs, ["ES256"])
        registry.validate(judged.claims)
        assert judged.claims == access.claims


# --- client assertions (RFC 7523)


@pytest.fixture(scope="module")
def client_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def assertion(client_key: SigningKey) -> Callable[..., str]:
    def assertion(header: Claims | None = None, **changes: Any) -> str:
        claims = {
            "iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "jti": "j1", "iat": NOW, "exp": NOW + 60,
        } | changes  # fmt: skip
        members = {"alg": "ES256", "kid": client_key.kid} | (header or {})
        kept = {k: v for k, v in claims.items() if v is not None}
        return client_key.sign_compact(members, json.dumps(kept).encode())

    return assertion


def judge(token: str, client_key: SigningKey, **expected: Any) -> Any:
    facts: Claims = {
        "keys": KeySet.from_jwks({"keys": [dict(client_key.jwk)]}),
        "expected_client_id": CLIENT,
        "expected_audiences": {"https://iam.test", ENDPOINT},
        "now": NOW,
    }
    return verify_client_assertion(token, **(facts | expected))


def assertion_reason(token: str, client_key: SigningKey, **expected: Any) -> str:
    with pytest.raises(TokenInvalid) as refusal:
        judge(token, client_key, **expected)
    return refusal.value.reason


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
def test_a_good_assertion_names_its_client(
    typ: str | None, assertion: Callable[..., str], client_key: SigningKey
) -> None:
    token = assertion({"typ": typ} if typ else None)
    assert claimed_client_id(token) == CLIENT
    verified = judge(token, client_key)
    assert (verified.client_id, verified.jti, verified.issued_at) == (CLIENT, "j1", NOW)
    assert verified.replay_until == NOW + 60 + 30


def test_an_access_token_is_no_assertion(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    assert assertion_reason(assertion({"typ": "at+jwt"}), client_key) == "type_wrong"


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("exp", "time_invalid"),
        ("iat", "time_invalid"),
        ("jti", "token_id_invalid"),
        ("sub", "subject_invalid"),
        ("iss", "issuer_wrong"),
        ("aud", "audience_wrong"),
    ],
)
def test_te_17_an_assertion_without_a_claim_is_refused(
    claim: str, reason: str, assertion: Callable[..., str], client_key: SigningKey
) -> None:
    assert assertion_reason(assertion(**{claim: None}), client_key) == reason


def test_te_17_issuer_and_subject_are_the_client(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    assert assertion_reason(assertion(sub="svc_2"), client_key) == "subject_invalid"
    assert assertion_reason(assertion(iss="svc_2"), client_key) == "issuer_wrong"


def test_te_17_a_far_expiry_counts_for_five_minutes(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    token = assertion(exp=NOW + 10 * 365 * 86_400)
    assert judge(token, client_key).replay_until == NOW + 330
    assert judge(token, client_key, now=NOW + 329).replay_until == NOW + 330
    assert assertion_reason(token, client_key, now=NOW + 330) == "expired"
    assert judge(token, client_key, max_age_seconds=60).replay_until == NOW + 90
    assert assertion_reason(token, client_key, now=NOW + 90, max_age_seconds=60) == "expired"


def test_te_17_the_clock_of_a_client_may_be_a_little_ahead(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    ahead = {"iat": NOW + 10, "nbf": NOW + 10, "exp": NOW + 70}
    assert judge(assertion(**ahead), client_key).jti == "j1"
    assert assertion_reason(assertion(iat=NOW + 61, exp=NOW + 99), client_key) == "not_yet_valid"
    assert assertion_reason(assertion(iat=NOW - 99, exp=NOW - 61), client_key) == "expired"


def test_te_18_an_assertion_by_another_key_or_algorithm_is_refused(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    other = SigningKey.generate()
    assert assertion_reason(assertion({"alg": "none"}), client_key) == "algorithm_not_allowed"
    assert assertion_reason(assertion({"alg": "HS256"}), client_key) == "algorithm_not_allowed"
    assert assertion_reason(assertion({"alg": "RS256"}), client_key) == "algorithm_mismatch"
    assert assertion_reason(assertion({"jwk": dict(other.jwk)}), client_key) == "header_forbidden"
    assert assertion_reason(assertion(), other) == "key_unknown"


def test_te_19_every_audience_of_an_assertion_is_ours(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    issuer = "https://iam.test"
    for accepted in (issuer, ENDPOINT, [issuer], [issuer, ENDPOINT]):
        judge(assertion(aud=accepted), client_key)
    for refused in ("https://other.test", [issuer, "https://other.test"], [], f"{issuer}/par"):
        assert assertion_reason(assertion(aud=refused), client_key) == "audience_wrong"


def test_te_19_a_strict_client_names_the_issuer_alone(
    assertion: Callable[..., str], client_key: SigningKey
) -> None:
    strict: Claims = {"expected_audiences": {"https://iam.test"}, "allow_audience_list": False}
    judge(assertion(aud="https://iam.test"), client_key, **strict)
    for refused in (["https://iam.test"], ENDPOINT):
        assert assertion_reason(assertion(aud=refused), client_key, **strict) == "audience_wrong"


@pytest.mark.parametrize("token", ["", "a.b.c", "a.b", None])
def test_what_is_no_assertion_names_nobody(token: Any) -> None:
    with pytest.raises(TokenInvalid):
        claimed_client_id(token)
