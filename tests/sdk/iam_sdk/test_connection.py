"""One line finds everything, and makes only what is used."""

import json
from typing import Any

import httpx2
import pytest

from iam_sdk.authorizer import Evaluation
from iam_sdk.connection import connect
from iam_sdk.errors import ConfigurationError
from iam_sdk.testing import LocalIssuer
from tests.sdk.iam_sdk.conftest import Answer, HttpServer, Received

AUDIENCE = "https://billing.test"


@pytest.fixture
def running(server: HttpServer) -> LocalIssuer:
    """An issuer behind real HTTP: keys, tokens, decisions; and a service that shows its caller."""
    local = LocalIssuer()

    def answer(request: Received) -> Answer:
        body: Any = {"authorization": request.headers.get("authorization")}
        if request.path == "/oauth2/jwks":
            body = local.jwks()
        elif request.path == "/oauth2/token":
            token = local.token_for(audience=AUDIENCE)
            body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        elif request.path == "/v1/decisions":
            body = {"decisions": [{"decision_id": "dec_1", "decision": "allowed", "matched": []}]}
        return Answer(200, json.dumps(body).encode())

    server.answer = answer
    return local


@pytest.fixture
def explicit(server: HttpServer, running: LocalIssuer) -> dict[str, Any]:
    return {
        "issuer": running.issuer,
        "url": server.url,
        "client_id": "svc_1",
        "client_secret": "s",
        "environ": {},
    }


def test_a_service_calls_and_is_called(explicit: dict[str, Any], server: HttpServer) -> None:
    iam = connect(AUDIENCE, **explicit)
    assert server.received == []
    with httpx2.Client(auth=iam.auth(AUDIENCE), base_url=server.url) as client:
        token = client.get("/echo").json()["authorization"].removeprefix("Bearer ")
    assert iam.verifier.verify(token).arn == "arn:iam:iam::main:service/orders"
    assert iam.authorizer.decide(Evaluation("a:B", "arn:x", token=token)).is_allowed
    assert iam.verifier is iam.verifier


@pytest.mark.anyio
async def test_the_same_on_an_event_loop(explicit: dict[str, Any], server: HttpServer) -> None:
    iam = connect(AUDIENCE, **explicit)
    async with httpx2.AsyncClient(auth=iam.async_auth(AUDIENCE), base_url=server.url) as client:
        echoed = (await client.get("/echo")).json()
    token = echoed["authorization"].removeprefix("Bearer ")
    assert (await iam.verifier.verify_async(token)).account == "main"
    assert (await iam.async_authorizer.decide(Evaluation("a:B", "arn:x", token=token))).is_allowed


def test_the_audience_may_come_from_the_environment(
    explicit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IAM_AUDIENCE", raising=False)
    caller_only = connect(**explicit)
    with pytest.raises(ConfigurationError, match="IAM_AUDIENCE"):
        _ = caller_only.verifier
    monkeypatch.setenv("IAM_AUDIENCE", AUDIENCE)
    assert connect(**explicit).audience == AUDIENCE
