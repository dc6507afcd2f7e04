"""Only a valid token comes in, only who may goes on, and nobody learns a policy from a refusal."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Request
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from iam_sdk.asgi import IamMiddleware, Identity, fill, require
from iam_sdk.authorizer import AsyncAuthorizer, Decision, Evaluation
from iam_sdk.errors import ConfigurationError, TokenInvalid
from iam_sdk.http_auth import is_token_refused
from iam_sdk.jwks import KeyCache
from iam_sdk.testing import LocalIssuer
from iam_sdk.verifier import TokenVerifier
from tests.sdk.iam_sdk.conftest import Clock

AUDIENCE = "https://billing.test"
INVOICE = "arn:iam:billing::main:invoice/{id}"


class Answers(AsyncAuthorizer):
    """An authorizer that answers from a list; the questions are kept."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.asked: list[Evaluation] = []

    async def decide(self, evaluation: Evaluation) -> Decision:
        self.asked.append(evaluation)
        return self.decision


@pytest.fixture
def local(clock: Clock) -> LocalIssuer:
    return LocalIssuer(now=clock)


@pytest.fixture
def verifier(local: LocalIssuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(local, issuer=local.issuer, audience=AUDIENCE, now=clock)


async def who(request: StarletteRequest) -> Response:
    identity: Identity = request.state.identity
    assert request.scope["iam"] is identity
    return JSONResponse({"arn": identity.arn, "sub": identity.subject, "acc": identity.account})


@require("billing:GetInvoice", resource=INVOICE)
async def invoice(request: StarletteRequest) -> Response:
    return PlainTextResponse("invoice " + request.path_params["id"])


def starlette_app(verifier: TokenVerifier, authorizer: AsyncAuthorizer | None = None) -> Any:
    routes = [Route("/who", who), Route("/health", who), Route("/invoice/{id}", invoice)]
    return IamMiddleware(
        Starlette(routes=routes),
        verifier=verifier,
        authorizer=authorizer,
        public_paths={"/health"},
    )


def fastapi_app(verifier: TokenVerifier, authorizer: AsyncAuthorizer) -> Any:
    app = FastAPI()
    app.add_middleware(IamMiddleware, verifier=verifier, authorizer=authorizer)
    guard = require("billing:GetInvoice", resource=INVOICE)

    @app.get("/invoice/{id}")
    async def get_invoice(
        id: str,  # noqa: A002 - the path parameter's name
        request: Request,
        caller: Identity = Depends(guard),  # noqa: B008, FAST002 - the older form, still in use
    ) -> str:
        assert request.state.identity is caller
        return f"invoice {id}"

    return app


def get(app: Any, path: str = "/who", headers: Any = None) -> httpx2.Response:
    with TestClient(app) as client:
        response: httpx2.Response = client.get(path, headers=headers)
    return response


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_valid_token_is_an_identity(local: LocalIssuer, verifier: TokenVerifier) -> None:
    token = local.token_for("service/orders", audience=AUDIENCE)
    response = get(starlette_app(verifier), headers=bearer(token))
    assert response.status_code == 200
    assert response.json()["arn"] == "arn:iam:iam::main:service/orders"
    assert response.json()["acc"] == "main"


def test_without_a_token_the_challenge_names_no_error(verifier: TokenVerifier) -> None:
    response = get(starlette_app(verifier))
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="iam"'
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"title": "Unauthorized", "status": 401, "code": "token_missing"}


@pytest.mark.parametrize("value", ["Basic YTpi", "Negotiate x", ""])
def test_another_scheme_is_no_token(value: str, verifier: TokenVerifier) -> None:
    response = get(starlette_app(verifier), headers={"authorization": value})
    assert (response.status_code, response.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "bearera.b.c"])
def test_a_malformed_bearer_header_is_an_invalid_token(value: str, verifier: TokenVerifier) -> None:
    response = get(starlette_app(verifier), headers={"authorization": value})
    assert response.status_code == 401
    assert response.json()["code"] in {"malformed", "token_missing"}


def test_an_invalid_token_is_challenged_with_its_reason(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience="https://other.test")
    response = get(starlette_app(verifier), headers=bearer(token))
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == (
        'Bearer realm="iam", error="invalid_token", error_description="audience_wrong"'
    )


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_jv_33_the_scheme_is_case_insensitive(
    scheme: str, local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    headers = {"authorization": f"{scheme} {token}"}
    assert get(starlette_app(verifier), headers=headers).status_code == 200


def test_jv_33_two_authorization_headers_are_refused(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    good = ("authorization", "Bearer " + local.token_for(audience=AUDIENCE))
    for pair in ([good, good], [good, ("Authorization", "Basic YTpi")]):
        response = get(starlette_app(verifier), headers=pair)
        assert (response.status_code, response.json()["code"]) == (400, "authorization_repeated")
        assert 'error="invalid_request"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("query", ["access_token={}", "a=b&access%5Ftoken={}", "access_token="])
def test_jv_33_a_token_in_the_query_is_refused(
    query: str, local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    path = "/who?" + query.format(token)
    for headers in ({}, bearer(token)):
        response = get(starlette_app(verifier), path, headers)
        assert (response.status_code, response.json()["code"]) == (400, "token_in_query")
        assert token not in response.text


def test_jv_33_a_token_in_a_cookie_is_not_looked_at(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    headers = {"cookie": f"access_token={token}; Authorization=Bearer {token}"}
    assert get(starlette_app(verifier), headers=headers).status_code == 401


def test_a_public_path_needs_no_token(verifier: TokenVerifier) -> None:
    async def health(_: StarletteRequest) -> Response:
        return PlainTextResponse("fine")

    inner = Starlette(routes=[Route("/health", health), Route("/health/x", health)])
    app = IamMiddleware(inner, verifier=verifier, public_paths={"/health"})
    assert get(app, "/health").text == "fine"
    assert get(app, "/health/x").status_code == 401


def test_jk_11_without_keys_the_answer_is_503_and_not_401(local: LocalIssuer) -> None:
    keys = KeyCache("http://127.0.0.1:1/jwks")
    verifier = TokenVerifier(keys, issuer=local.issuer, audience=AUDIENCE, now=local.now)
    response = get(starlette_app(verifier), headers=bearer(local.token_for(audience=AUDIENCE)))
    assert (response.status_code, response.json()["code"]) == (503, "jwks_unavailable")
    assert "www-authenticate" not in response.headers


ALLOWED = Decision("allowed", "dec_1")
DENIED = Decision("explicitDeny", "dec_2", ({"policy": "secret-policy", "sid": "NoInvoices"},))
BLOCKED = Decision("implicitDeny", "dec_3", blocked_by="boundary")


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_who_may_goes_on(
    make: Callable[..., Any], local: LocalIssuer, verifier: TokenVerifier
) -> None:
    authorizer = Answers(ALLOWED)
    token = local.token_for(audience=AUDIENCE)
    response = get(make(verifier, authorizer), "/invoice/42", bearer(token))
    assert response.status_code == 200
    assert "invoice 42" in response.text
    asked = Evaluation("billing:GetInvoice", "arn:iam:billing::main:invoice/42", token=token)
    assert authorizer.asked == [asked]


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
@pytest.mark.parametrize("decision", [DENIED, BLOCKED])
def test_who_may_not_gets_403_with_the_decision_and_no_policy(
    make: Callable[..., Any],
    decision: Decision,
    local: LocalIssuer,
    verifier: TokenVerifier,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "iam_sdk.asgi")
    app = make(verifier, Answers(decision))
    token = local.token_for(audience=AUDIENCE)
    response = get(app, "/invoice/42", bearer(token))
    assert response.status_code == 403
    document = response.json().get("detail", response.json())
    assert document == {
        "title": "Forbidden",
        "status": 403,
        "code": "access_denied",
        "decision_id": decision.decision_id,
    }
    assert str(decision.decision_id) in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_when_nobody_can_decide_nobody_goes_on(
    make: Callable[..., Any], local: LocalIssuer, verifier: TokenVerifier
) -> None:
    app = make(verifier, Answers(Decision("implicitDeny", failure="unreachable")))
    response = get(app, "/invoice/42", bearer(local.token_for(audience=AUDIENCE)))
    assert response.status_code == 503
    assert "authorization_unavailable" in response.text


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_a_token_that_the_issuer_has_ended_is_answered_like_any_invalid_token(
    make: Callable[..., Any], local: LocalIssuer, verifier: TokenVerifier
) -> None:
    app = make(verifier, Answers(Decision("implicitDeny", "dec_1", failure="token_inactive")))
    response = get(app, "/invoice/42", bearer(local.token_for(audience=AUDIENCE)))
    assert response.status_code == 401
    # This is what makes our SDK on the other side come again with another token.
    assert is_token_refused(response)
    assert "token_inactive" in response.text
    assert "dec_1" in response.text


def test_a_guard_without_its_middleware_lets_nobody_in(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    bare = Starlette(routes=[Route("/invoice/{id}", invoice)])
    with pytest.raises(ConfigurationError, match="guard_unarmed"):
        get(bare, "/invoice/42")
    with pytest.raises(ConfigurationError, match="guard_unarmed"):
        get(starlette_app(verifier), "/invoice/42", bearer(local.token_for(audience=AUDIENCE)))


def test_a_guard_is_for_async_endpoints() -> None:
    def endpoint(_: StarletteRequest) -> None: ...

    with pytest.raises(TypeError, match="async def"):
        require("a:B", resource="arn")(endpoint)


def test_a_resource_template_is_filled_once_and_only_with_what_is_there() -> None:
    assert fill(INVOICE, {"id": "{id}"}) == "arn:iam:billing::main:invoice/{id}"
    assert fill("arn:x/{a}/{b}", {"a": 1, "b": "*"}) == "arn:x/1/*"
    with pytest.raises(ConfigurationError, match="no path parameter `id`"):
        fill(INVOICE, {})


def test_jv_32_a_stream_ends_with_its_token(
    local: LocalIssuer, verifier: TokenVerifier, clock: Clock
) -> None:
    sent: list[str] = []

    async def numbers() -> AsyncIterator[str]:
        for number in range(10):
            clock.advance(30)
            sent.append(str(number))
            yield str(number)

    async def stream(_: StarletteRequest) -> Response:
        return StreamingResponse(numbers())

    app = IamMiddleware(Starlette(routes=[Route("/", stream)]), verifier=verifier)
    with pytest.raises(TokenInvalid, match=r"^expired$"):
        get(app, "/", bearer(local.token_for(audience=AUDIENCE, lifetime=60)))
    assert sent == ["0", "1", "2"]


def test_jv_32_an_answer_that_is_ready_is_still_sent(
    local: LocalIssuer, verifier: TokenVerifier, clock: Clock
) -> None:
    async def slow(_: StarletteRequest) -> Response:
        clock.advance(3600)
        return PlainTextResponse("done")

    app = IamMiddleware(Starlette(routes=[Route("/", slow)]), verifier=verifier)
    token = local.token_for(audience=AUDIENCE, lifetime=60)
    assert get(app, "/", bearer(token)).text == "done"


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


def test_jv_32_a_web_socket_ends_with_its_token(
    local: LocalIssuer, verifier: TokenVerifier, clock: Clock
) -> None:
    app = IamMiddleware(Starlette(routes=[WebSocketRoute("/", echo)]), verifier=verifier)
    token = local.token_for(audience=AUDIENCE, lifetime=60)
    with (
        pytest.raises(TokenInvalid, match=r"^expired$"),
        TestClient(app).websocket_connect("/", headers=bearer(token)) as websocket,
    ):
        websocket.send_text("a")
        assert websocket.receive_text() == "a"
        clock.advance(90)
        websocket.send_text("b")
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
        assert closed.value.code == 1008


def test_a_web_socket_without_a_token_is_not_accepted(verifier: TokenVerifier) -> None:
    app = IamMiddleware(Starlette(routes=[WebSocketRoute("/", echo)]), verifier=verifier)
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        TestClient(app).websocket_connect("/"),
    ):
        pass
    assert closed.value.code == 1008


def test_no_representation_of_an_identity_shows_the_token(
    local: LocalIssuer, verifier: TokenVerifier
) -> None:
    token = local.token_for(audience=AUDIENCE)
    identity = Identity(verifier.verify(token), token)
    assert token.split(".")[2] not in repr(identity)
    assert identity.expires_at == identity.token.expires_at
    assert json.dumps(identity.arn)
