"""One token per audience, renewed early, fetched once, and kept while the issuer is down."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization

from iam_sdk.credentials import find_settings
from iam_sdk.errors import TokenUnavailableError
from iam_sdk.jws import KeySet, unverified_payload
from iam_sdk.source import AsyncTokenSource, TokenSource
from iam_sdk.testing import SigningKey
from iam_sdk.tokens import verify_client_assertion
from tests.sdk.iam_sdk.conftest import Answer, Clock, HttpServer, Received

BILLING = "https://billing.test"
LEDGER = "https://ledger.test"


def grant(token: str, life: int = 3600) -> Answer:
    body = {"access_token": token, "token_type": "Bearer", "expires_in": life}
    return Answer(200, json.dumps(body).encode())


def numbered(server: HttpServer, life: int = 3600) -> None:
    server.answer = lambda _: grant(f"token-{len(server.received)}", life)


@pytest.fixture
def settings(server: HttpServer) -> Any:
    numbered(server)
    return find_settings(
        issuer="https://iam.test",
        url=server.url,
        client_id="svc_1",
        client_secret="s:1",
        environ={},
    )


@pytest.fixture
def source(settings: Any, clock: Clock) -> TokenSource:
    return TokenSource(settings, clock=clock, spread=lambda: 0.0)


def settle(source: TokenSource, audience: str = BILLING) -> None:
    flight = source._renewers[audience]._flight
    if flight is not None:
        flight.result(5)


def test_a_token_is_asked_for_as_the_standards_say(source: TokenSource, server: HttpServer) -> None:
    assert source.token(BILLING) == "token-1"
    request = server.received[0]
    assert (request.method, request.path) == ("POST", "/oauth2/token")
    assert request.headers["authorization"] == "Basic c3ZjXzE6cyUzQTE="
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "resource": [BILLING],
    }


def test_each_audience_has_its_own_token(source: TokenSource) -> None:
    tokens = [source.token(audience) for audience in (BILLING, LEDGER, BILLING, LEDGER)]
    assert tokens == ["token-1", "token-2", "token-1", "token-2"]


def test_a_token_is_renewed_from_half_of_its_life(
    source: TokenSource, server: HttpServer, clock: Clock
) -> None:
    source.token(BILLING)
    clock.advance(1799)
    assert source.token(BILLING) == "token-1"
    assert len(server.received) == 1
    clock.advance(1)
    source.token(BILLING)
    settle(source)
    assert source.token(BILLING) == "token-2"


def test_the_old_token_serves_while_renewal_fails(
    source: TokenSource, server: HttpServer, clock: Clock
) -> None:
    source.token(BILLING)
    server.answer = lambda _: Answer(503)
    clock.advance(3589)
    assert source.token(BILLING) == "token-1"
    settle(source)
    clock.advance(1)
    with pytest.raises(TokenUnavailableError, match="status_503"):
        source.token(BILLING)


def test_a_failing_issuer_is_asked_once_per_cool_down(
    source: TokenSource, server: HttpServer, clock: Clock
) -> None:
    server.answer = lambda _: Answer(503)
    for _ in range(50):
        with pytest.raises(TokenUnavailableError):
            source.token(BILLING)
    assert len(server.received) == 1
    clock.advance(5)
    numbered(server)
    assert source.token(BILLING) == "token-2"


def test_many_threads_cost_one_request(source: TokenSource, server: HttpServer) -> None:
    server.answer = lambda _: Answer(**{**vars(grant("t")), "after": 0.1})
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(source.token(BILLING))) for _ in range(32)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tokens, len(server.received)) == (["t"] * 32, 1)


@pytest.mark.anyio
async def test_many_tasks_cost_one_request(settings: Any, server: HttpServer) -> None:
    server.answer = lambda _: Answer(**{**vars(grant("t")), "after": 0.1})
    source = AsyncTokenSource(settings)
    tokens = await asyncio.gather(*(source.token(BILLING) for _ in range(32)))
    assert (tokens, len(server.received)) == (["t"] * 32, 1)


@pytest.mark.anyio
async def test_one_task_that_gives_up_does_not_take_the_token_from_the_others(
    settings: Any, server: HttpServer
) -> None:
    server.answer = lambda _: Answer(**{**vars(grant("t")), "after": 0.2})
    source = AsyncTokenSource(settings)
    impatient = asyncio.create_task(source.token(BILLING))
    patient = asyncio.create_task(source.token(BILLING))
    await asyncio.sleep(0.05)
    impatient.cancel()
    assert await patient == "t"


@pytest.mark.anyio
async def test_on_an_event_loop_a_token_is_renewed_and_kept_alike(
    settings: Any, server: HttpServer, clock: Clock
) -> None:
    source = AsyncTokenSource(settings, clock=clock, spread=lambda: 0.0)
    assert await source.token(BILLING) == "token-1"
    clock.advance(1800)
    assert await source.token(BILLING) == "token-1"
    flight = source._renewers[BILLING]._flight
    assert flight is not None
    await flight
    assert await source.token(BILLING) == "token-2"
    server.answer = lambda _: Answer(503)
    clock.advance(3600)
    with pytest.raises(TokenUnavailableError, match="status_503"):
        await source.token(BILLING)
    with pytest.raises(TokenUnavailableError, match="status_503"):
        await source.token(BILLING)
    assert len(server.received) == 3


def test_a_refused_token_is_replaced_once_in_a_while(
    source: TokenSource, server: HttpServer, clock: Clock
) -> None:
    token = source.token(BILLING)
    assert source.renew(BILLING, token) == "token-2"
    assert source.renew(BILLING, token) == "token-2"
    assert source.renew(BILLING, "token-2") is None
    clock.advance(5)
    assert source.renew(BILLING, "token-2") == "token-3"
    assert len(server.received) == 3


@pytest.mark.anyio
async def test_a_refused_token_is_replaced_on_an_event_loop(settings: Any, clock: Clock) -> None:
    source = AsyncTokenSource(settings, clock=clock)
    token = await source.token(BILLING)
    assert await source.renew(BILLING, token) == "token-2"
    assert await source.renew(BILLING, token) == "token-2"
    assert await source.renew(BILLING, "token-2") is None


def test_a_rotated_secret_is_read_when_the_old_one_is_refused(
    server: HttpServer, clock: Clock, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    settings = find_settings(
        issuer="https://iam.test",
        url=server.url,
        client_id="svc_1",
        client_secret_file=file,
        environ={},
    )
    seen: list[str] = []

    def answer(request: Received) -> Answer:
        seen.append(request.headers["authorization"])
        if len(seen) == 1:
            # The operator rotates while the request with the old secret is under way.
            file.write_text("new")
            return Answer(401, b'{"error":"invalid_client"}')
        return grant("t")

    server.answer = answer
    assert TokenSource(settings, clock=clock).token(BILLING) == "t"
    assert seen == ["Basic c3ZjXzE6b2xk", "Basic c3ZjXzE6bmV3"]


def test_a_secret_that_is_refused_twice_is_not_tried_again_at_once(
    source: TokenSource, server: HttpServer
) -> None:
    server.answer = lambda _: Answer(401, b'{"error":"invalid_client"}')
    with pytest.raises(TokenUnavailableError, match="invalid_client"):
        source.token(BILLING)
    assert len(server.received) == 1


def test_a_key_signs_an_assertion_instead_of_sending_a_secret(
    server: HttpServer, tmp_path: Path
) -> None:
    key = SigningKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    settings = find_settings(
        issuer="https://iam.test",
        url=server.url,
        client_id="svc_1",
        private_key_file=file,
        environ={},
    )
    numbered(server)
    assert TokenSource(settings).token(BILLING) == "token-1"
    form = parse_qs(server.received[0].body.decode())
    assert "authorization" not in server.received[0].headers
    assert form["client_assertion_type"][0].endswith(":jwt-bearer")
    assertion = form["client_assertion"][0]
    issued_at = json.loads(unverified_payload(assertion))["iat"]
    verify_client_assertion(
        assertion,
        keys=KeySet.from_jwks({"keys": [dict(key.jwk)]}),
        expected_client_id="svc_1",
        expected_audiences={"https://iam.test"},
        now=issued_at,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"access_token":7,"token_type":"Bearer","expires_in":60}',
        b'{"access_token":"a\\nb","token_type":"Bearer","expires_in":60}',
        b'{"access_token":"a","token_type":"DPoP","expires_in":60}',
        b'{"access_token":"a","token_type":"Bearer"}',
        b'{"access_token":"a","token_type":"Bearer","expires_in":"60"}',
        b'{"access_token":"a","token_type":"Bearer","expires_in":0}',
        b'{"access_token":"a","token_type":"Bearer","expires_in":999999999}',
        b'{"access_token":"a","access_token":"b","token_type":"Bearer","expires_in":60}',
        b"x" * 100_000,
    ],
)
def test_an_answer_of_another_shape_is_no_token(
    body: bytes, source: TokenSource, server: HttpServer
) -> None:
    server.answer = lambda _: Answer(200, body)
    with pytest.raises(TokenUnavailableError, match="answer"):
        source.token(BILLING)


def test_an_unreachable_issuer_is_a_reason(clock: Clock) -> None:
    settings = find_settings(
        issuer="http://127.0.0.1:1", client_id="svc_1", client_secret="s", environ={}
    )
    with pytest.raises(TokenUnavailableError, match="unreachable"):
        TokenSource(settings, clock=clock).token(BILLING)


def test_a_token_that_took_longer_than_it_lives_is_none(
    source: TokenSource, server: HttpServer, clock: Clock
) -> None:
    def slow(_: Received) -> Answer:
        clock.advance(2)
        return grant("t", life=1)

    server.answer = slow
    with pytest.raises(TokenUnavailableError, match="expired_on_arrival"):
        source.token(BILLING)


def test_no_error_shows_the_secret(source: TokenSource, server: HttpServer) -> None:
    server.answer = lambda _: Answer(400, json.dumps({"error": "x"}).encode(), {"x": "s:1"})
    with pytest.raises(TokenUnavailableError) as failure:
        source.token(BILLING)
    assert "s:1" not in str(failure.value)
