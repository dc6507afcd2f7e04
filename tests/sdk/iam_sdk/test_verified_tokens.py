"""Second sight is a look-up, and what is revoked is refused at every sight."""

import pytest

from iam_sdk.errors import TokenInvalid
from iam_sdk.testing import LocalIssuer
from iam_sdk.tokens import AccessToken, verify_access_token
from iam_sdk.verified_tokens import Revocations, VerifiedTokenCache
from iam_sdk.verifier import TokenVerifier
from tests.sdk.iam_sdk.conftest import Clock

AUDIENCE = "https://billing.test"


@pytest.fixture
def local(clock: Clock) -> LocalIssuer:
    return LocalIssuer(now=clock)


@pytest.fixture
def verifier(local: LocalIssuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(local, issuer=local.issuer, audience=AUDIENCE, now=clock)


def judged(local: LocalIssuer, token: str) -> AccessToken:
    return verify_access_token(
        token,
        keys=local.key_set(),
        expected_issuer=local.issuer,
        expected_audience=AUDIENCE,
        now=local.now(),
    )


def test_a_token_is_judged_once_and_then_remembered(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    first = verifier.verify(token)
    assert verifier.verify(token) is first
    assert verifier.verify(local.token_for(audience=AUDIENCE)) is not first


@pytest.mark.anyio
async def test_the_event_loop_and_threads_share_what_is_remembered(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    first = await verifier.verify_async(token)
    assert await verifier.verify_async(token) is verifier.verify(token) is first


def test_only_the_exact_bytes_are_remembered(local: LocalIssuer, verifier: TokenVerifier) -> None:
    token = local.token_for(audience=AUDIENCE)
    verifier.verify(token)
    with pytest.raises(TokenInvalid):
        verifier.verify(token + "=")


def test_a_remembered_token_expires(
    local: LocalIssuer, verifier: TokenVerifier, clock: Clock
) -> None:
    token = local.token_for(audience=AUDIENCE, lifetime=60)
    verifier.verify(token)
    clock.advance(89)
    verifier.verify(token)
    clock.advance(1)
    with pytest.raises(TokenInvalid, match=r"^expired$"):
        verifier.verify(token)


def test_another_account_is_refused_by_a_verifier_for_one(local: LocalIssuer, clock: Clock) -> None:
    verifier = TokenVerifier(
        local, issuer=local.issuer, audience=AUDIENCE, account="other", now=clock
    )
    with pytest.raises(TokenInvalid, match=r"^account_wrong$"):
        verifier.verify(local.token_for(audience=AUDIENCE))


@pytest.mark.parametrize("claim", ["jti", "sid"])
def test_jv_29_a_revoked_token_or_session_is_refused_at_second_sight_too(
    claim: str, local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE, claims={"sid": "ses_1"})
    access = verifier.verify(token)
    verifier.revocations.revoke(access.claims[claim], until=access.expires_at)
    with pytest.raises(TokenInvalid, match=r"^revoked$"):
        verifier.verify(token)
    verifier.verify(local.token_for(audience=AUDIENCE, claims={"sid": "ses_2"}))


def test_jv_29_a_principal_whose_epoch_moved_is_refused(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    old = local.token_for(audience=AUDIENCE)
    silent = local.token_for(audience=AUDIENCE, claims={"epoch": None})
    subject = verifier.verify(old).subject
    verifier.verify(silent)
    verifier.revocations.raise_epoch(subject, 2)
    verifier.revocations.raise_epoch(subject, 1)
    for token in (old, silent, local.token_for(audience=AUDIENCE, claims={"epoch": 1})):
        with pytest.raises(TokenInvalid, match=r"^revoked$"):
            verifier.verify(token)
    verifier.verify(local.token_for(audience=AUDIENCE, claims={"epoch": 2}))
    verifier.verify(local.token_for("service/other", audience=AUDIENCE))


def test_revocations_are_forgotten_when_the_token_has_expired(local: LocalIssuer) -> None:
    access = judged(local, local.token_for(audience=AUDIENCE))
    revocations = Revocations()
    revocations.revoke(access.jti, until=access.expires_at)
    revocations.forget_expired(access.expires_at - 1)
    with pytest.raises(TokenInvalid):
        revocations.check(access)
    revocations.forget_expired(access.expires_at)
    revocations.check(access)


def test_a_tainted_key_takes_what_it_signed_with_it(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    tainted, token = local.key, local.token_for(audience=AUDIENCE)
    verifier.verify(token)
    local.rotate()
    other = local.token_for(audience=AUDIENCE)
    kept = verifier.verify(other)
    local.keys.remove(tainted)
    verifier.forget_key(tainted.kid)
    assert verifier.verify(other) is kept
    with pytest.raises(TokenInvalid, match=r"^key_unknown$"):
        verifier.verify(token)


def test_the_memory_is_bounded_and_the_oldest_makes_room(local: LocalIssuer) -> None:
    cache = VerifiedTokenCache(max_tokens=2)
    access = judged(local, local.token_for(audience=AUDIENCE))
    for token in ("a", "b", "c"):
        cache.put(token, access, until=100)
    assert len(cache) == 2
    assert [cache.get(token, 0) is access for token in "abc"] == [False, True, True]
