from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from iam.errors import IamError
from iam.features.credentials.rules import (
    ClientCredential,
    ClientKey,
    Status,
    check_secret_expiry,
    check_shortened,
    credential_of,
    holder_reference,
    live_keys,
    parse_duration,
    registered_jwk,
    status_at,
)
from iam_sdk.jwk import load_key, thumbprint

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def jwk(**members: object) -> dict[str, object]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    found: dict[str, object] = ECAlgorithm.to_jwk(public, as_dict=True)
    return {**found, "alg": "ES256", **members}


def credential(status: str = "active", expires_at: datetime | None = None) -> ClientCredential:
    return ClientCredential(
        id="crd_1",
        account="main",
        principal_id="svc_1",
        kind="public_key",
        status=status,
        expires_at=expires_at,
    )


class TestStatus:
    @pytest.mark.parametrize(
        ("stored", "expires_at", "seen"),
        [
            ("active", None, Status.ACTIVE),
            ("active", NOON + DAY, Status.ACTIVE),
            ("active", NOON, Status.EXPIRED),
            ("quarantined", NOON - DAY, Status.EXPIRED),
            ("quarantined", None, Status.QUARANTINED),
            ("revoked", NOON - DAY, Status.REVOKED),
        ],
    )
    def test_expiry_is_seen_at_its_very_instant_and_revocation_outranks_it(
        self, stored: str, expires_at: datetime | None, seen: Status
    ) -> None:
        assert status_at(stored, expires_at, NOON) is seen
        assert credential(stored, expires_at).is_live(NOON) is (seen is Status.ACTIVE)


class TestKeys:
    def test_only_keys_of_live_credentials_verify(self) -> None:
        live = ClientKey(credential=credential(), key=load_key(jwk(kid="live")))
        ended = ClientKey(credential=credential("revoked"), key=load_key(jwk(kid="ended")))
        assert set(live_keys([live, ended], NOON)) == {"live"}
        assert credential_of([live, ended], "live", NOON) is live.credential
        assert credential_of([live, ended], "ended", NOON) is None

    def test_a_key_without_an_id_is_known_by_its_thumbprint(self) -> None:
        given = jwk()
        assert registered_jwk(given)["kid"] == thumbprint(given)

    def test_only_what_verifying_needs_is_kept(self) -> None:
        kept = registered_jwk(jwk(kid="k", x5c=["AAAA"], comment="mine"))
        assert set(kept) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert load_key(kept).kid == "k"

    def test_a_private_key_is_refused_by_name(self) -> None:
        with pytest.raises(IamError) as refused:
            registered_jwk(jwk(d="c2VjcmV0LXNlY3JldA"))
        assert refused.value.code == "private_key_refused"
        assert "c2VjcmV0" not in refused.value.message

    @pytest.mark.parametrize(
        "members",
        [{"alg": "none"}, {"alg": "HS256"}, {"use": "enc"}, {"x": "AAAA"}, {"kty": "oct"}],
    )
    def test_a_key_that_breaks_the_policy_is_refused_with_the_reason(
        self, members: dict[str, object]
    ) -> None:
        with pytest.raises(IamError) as refused:
            registered_jwk(jwk(**members))
        assert refused.value.code == "key_refused"
        assert refused.value.detail["reason"]


class TestExpiry:
    def test_a_secret_may_live_to_the_longest_life_and_no_instant_more(self) -> None:
        check_secret_expiry(NOON + DAY, now=NOON, longest=DAY)
        with pytest.raises(IamError, match="1 days at most"):
            check_secret_expiry(NOON + DAY + timedelta(seconds=1), now=NOON, longest=DAY)
        with pytest.raises(IamError, match="in the future"):
            check_secret_expiry(NOON, now=NOON, longest=DAY)

    def test_an_expiry_only_comes_earlier(self) -> None:
        check_shortened(None, NOON + DAY, now=NOON)
        check_shortened(NOON + 2 * DAY, NOON + DAY, now=NOON)
        for present, wanted in ((NOON + DAY, NOON + 2 * DAY), (NOON + DAY, None)):
            with pytest.raises(IamError) as refused:
                check_shortened(present, wanted, now=NOON)
            assert refused.value.code == "expiry_prolonged"


@pytest.mark.parametrize(("text", "hours"), [("30d", 720), ("12h", 12), ("1h", 1)])
def test_a_duration_is_days_or_hours(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "0d", "30", "d", "-1d", "1.5d", "999999d", "30d ", "٣d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(IamError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service/billing", ("service", "billing")),
        ("billing", ("service", "billing")),
        ("user/alice", ("user", "alice")),
        ("arn:iam:iam::main:service/team/billing", ("service", "billing")),
        ("svc_01", ("service", "svc_01")),
        ("usr_01", ("user", "usr_01")),
    ],
)
def test_a_holder_is_named_by_id_by_kind_and_name_or_by_arn(
    text: str, expected: tuple[str, str]
) -> None:
    assert holder_reference(text) == expected
