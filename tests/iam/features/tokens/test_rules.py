from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from iam.authz.facts import PrincipalFacts
from iam.features.tokens.rules import Grant, access_token_claims, claimed_audience
from iam_policy import EMPTY
from iam_sdk.encoding import b64url_encode
from iam_sdk.errors import TokenInvalid

NOON = datetime(2026, 7, 1, 12, 0, 0, 900_000, tzinfo=UTC)
FACTS = PrincipalFacts(
    id="svc_1", arn="arn:iam:iam::main:service/orders", account="main", kind="service",
    name="orders", is_active=True, epoch=3, tags={"team": "a"}, identity=EMPTY, boundary=None,
    depends_on=frozenset(),
)  # fmt: skip
GRANT = Grant(
    jti="tok_1", principal=FACTS, client_id="app_1", credential_id="crd_1", audience="x:y",
    scope="", issued_at=NOON, expires_at=NOON + timedelta(hours=1),
)  # fmt: skip


def test_a_token_says_who_for_whom_and_how_long_and_no_permissions() -> None:
    assert access_token_claims(GRANT, issuer="https://id") == {
        "iss": "https://id", "sub": "svc_1", "aud": "x:y", "client_id": "app_1", "jti": "tok_1",
        "iat": int(NOON.timestamp()), "nbf": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 3600, "arn": FACTS.arn, "account": "main", "epoch": 3,
    }  # fmt: skip


def test_a_scope_is_said_only_when_there_is_one() -> None:
    claims = access_token_claims(replace(GRANT, scope="a b"), issuer="https://id")
    assert claims["scope"] == "a b"


class TestClaimedAudience:
    def token(self, payload: bytes) -> str:
        header = b64url_encode(b'{"alg":"ES256","kid":"k","typ":"at+jwt"}')
        return f"{header}.{b64url_encode(payload)}.e30"

    def test_the_one_audience_is_read(self) -> None:
        assert claimed_audience(self.token(b'{"aud":"x:y"}')) == "x:y"

    @pytest.mark.parametrize(
        "payload",
        [b'{"aud":["x:y"]}', b"{}", b"[]", b"7", b'{"aud":1}', b"{", b'{"aud":"a","aud":"b"}'],
    )
    def test_anything_else_is_no_token_of_ours(self, payload: bytes) -> None:
        with pytest.raises(TokenInvalid):
            claimed_audience(self.token(payload))
