"""A decision is a clear yes from the issuer, or it is a no that says why."""

import json
from typing import Any

import pytest

from iam_sdk.authorizer import AsyncAuthorizer, Authorizer, Decision, Evaluation
from iam_sdk.credentials import Settings, find_settings
from iam_sdk.source import AsyncTokenSource, TokenSource
from tests.sdk.iam_sdk.conftest import Answer, Clock, HttpServer, Received

GET_INVOICE = Evaluation(
    "billing:GetInvoice", "arn:iam:billing::main:invoice/42", token="caller", context={"a": "b"}
)
ALLOWED = {
    "decision_id": "dec_1",
    "decision": "allowed",
    "matched": [
        {"layer": "identity", "policy": "p", "statement": 0, "sid": "s", "effect": "Allow"}
    ],
    "blocked_by": None,
    "error": None,
}


class Issuer:
    """Gives tokens and answers questions; what it answers is set by the test."""

    def __init__(self, server: HttpServer) -> None:
        self.decisions = Answer(200, json.dumps({"decisions": [ALLOWED]}).encode())
        self.refused: set[str] = set()
        self.asked: list[Any] = []
        self.issued = 0
        server.answer = self.answer

    def answer(self, request: Received) -> Answer:
        if request.path == "/oauth2/token":
            self.issued += 1
            token = {"access_token": f"t{self.issued}", "token_type": "Bearer", "expires_in": 600}
            return Answer(200, json.dumps(token).encode())
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        self.asked.append((request.path, bearer, json.loads(request.body)))
        return Answer(401) if bearer in self.refused else self.decisions


@pytest.fixture
def issuer_side(server: HttpServer) -> Issuer:
    return Issuer(server)


@pytest.fixture
def settings(server: HttpServer, issuer_side: Issuer) -> Settings:
    assert issuer_side.issued == 0
    return find_settings(
        issuer="https://iam.test", url=server.url, client_id="me", client_secret="s", environ={}
    )


@pytest.fixture
def authorizer(settings: Settings, clock: Clock) -> Authorizer:
    return Authorizer(settings.endpoints, TokenSource(settings, clock=clock))


def test_an_allowed_request_is_allowed_with_its_reasons(
    authorizer: Authorizer, issuer_side: Issuer
) -> None:
    decision = authorizer.decide(GET_INVOICE)
    assert decision.is_allowed
    assert decision.decision_id == "dec_1"
    assert decision.matched[0]["sid"] == "s"
    question = {
        "token": "caller",
        "action": "billing:GetInvoice",
        "resource": "arn:iam:billing::main:invoice/42",
        "context": {"a": "b"},
    }
    assert issuer_side.asked == [("/v1/decisions", "t1", {"evaluations": [question]})]


def test_a_principal_may_be_named_instead_of_a_token(
    authorizer: Authorizer, issuer_side: Issuer
) -> None:
    arn = "arn:iam:iam::main:user/alice"
    assert authorizer.decide(Evaluation("a:B", "arn:x", principal=arn)).is_allowed
    question = issuer_side.asked[0][2]["evaluations"][0]
    assert question == {"principal": arn, "action": "a:B", "resource": "arn:x", "context": {}}


@pytest.mark.anyio
async def test_the_async_authorizer_gives_the_same_answers(
    settings: Settings, issuer_side: Issuer
) -> None:
    authorizer = AsyncAuthorizer(settings.endpoints, AsyncTokenSource(settings))
    assert (await authorizer.decide(GET_INVOICE)).is_allowed
    issuer_side.refused = {"t1"}
    assert (await authorizer.decide(GET_INVOICE)).is_allowed
    issuer_side.decisions = Answer(503)
    assert (await authorizer.decide(GET_INVOICE)).failure == "status_503"


@pytest.mark.anyio
async def test_the_async_authorizer_fails_closed_without_a_token(
    settings: Settings, server: HttpServer
) -> None:
    server.answer = lambda _: Answer(401, b'{"error":"invalid_client"}')
    authorizer = AsyncAuthorizer(settings.endpoints, AsyncTokenSource(settings))
    decision = await authorizer.decide(GET_INVOICE)
    assert (decision.is_allowed, decision.failure) == (False, "invalid_client")


@pytest.mark.anyio
async def test_the_async_authorizer_fails_closed_when_the_issuer_hangs(
    settings: Settings, issuer_side: Issuer
) -> None:
    issuer_side.decisions = Answer(after=10)
    authorizer = AsyncAuthorizer(settings.endpoints, AsyncTokenSource(settings))
    assert (await authorizer.decide(GET_INVOICE)).failure == "timeout"


def test_several_questions_are_one_round_trip(authorizer: Authorizer, issuer_side: Issuer) -> None:
    denied = ALLOWED | {"decision": "explicitDeny", "decision_id": "dec_2"}
    blocked = ALLOWED | {"decision": "implicitDeny", "blocked_by": "boundary"}
    answer = {"decisions": [ALLOWED, denied, blocked]}
    issuer_side.decisions = Answer(200, json.dumps(answer).encode())
    decisions = authorizer.decide_all([GET_INVOICE] * 3)
    assert [d.outcome for d in decisions] == ["allowed", "explicitDeny", "implicitDeny"]
    assert [d.is_allowed for d in decisions] == [True, False, False]
    assert decisions[2].blocked_by == "boundary"
    assert len(issuer_side.asked) == 1


def test_our_own_token_is_renewed_once_when_it_is_refused(
    authorizer: Authorizer, issuer_side: Issuer
) -> None:
    authorizer.decide(GET_INVOICE)
    issuer_side.refused = {"t1"}
    assert authorizer.decide(GET_INVOICE).is_allowed
    issuer_side.refused = {"t2"}
    assert authorizer.decide(GET_INVOICE).failure == "status_401"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503, 302, 204])
def test_a_refusal_of_the_issuer_is_a_no(
    status: int, authorizer: Authorizer, issuer_side: Issuer
) -> None:
    issuer_side.decisions = Answer(status)
    decision = authorizer.decide(GET_INVOICE)
    assert decision == Decision("implicitDeny", failure=f"status_{status}")
    assert not decision.is_allowed


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"decisions":{}}',
        b'{"decisions":[]}',
        b'{"decisions":["allowed"]}',
        json.dumps({"decisions": [ALLOWED, ALLOWED]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"decision": "Allowed"}]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"decision": True}]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"decision": ["allowed"]}]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"decision_id": None}]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"matched": "x"}]}).encode(),
        json.dumps({"decisions": [ALLOWED | {"blocked_by": 7}]}).encode(),
        b'{"decisions":[{"decision_id":"d","decision":"implicitDeny","decision":"allowed"}]}',
    ],
)
def test_an_answer_of_another_shape_is_a_no(
    answer: bytes, authorizer: Authorizer, issuer_side: Issuer
) -> None:
    issuer_side.decisions = Answer(200, answer)
    decision = authorizer.decide(GET_INVOICE)
    assert (decision.is_allowed, decision.failure) == (False, "answer_unexpected")


def test_an_answer_that_is_too_large_is_a_no(authorizer: Authorizer, issuer_side: Issuer) -> None:
    issuer_side.decisions = Answer(200, b" " * (1024 * 1024 + 1))
    assert authorizer.decide(GET_INVOICE).failure == "answer_too_large"


@pytest.mark.parametrize("error", [{"code": "principal_unknown", "message": "m"}, {}, "x"])
def test_an_error_beside_a_yes_is_a_no(
    error: object, authorizer: Authorizer, issuer_side: Issuer
) -> None:
    answer = {"decisions": [ALLOWED | {"error": error}]}
    issuer_side.decisions = Answer(200, json.dumps(answer).encode())
    decision = authorizer.decide(GET_INVOICE)
    assert not decision.is_allowed
    assert decision.failure in {"principal_unknown", "error"}


def test_an_unreachable_issuer_is_a_no_for_each_question() -> None:
    settings = find_settings(
        issuer="http://127.0.0.1:1", client_id="me", client_secret="s", environ={}
    )
    authorizer = Authorizer(settings.endpoints, TokenSource(settings))
    decisions = authorizer.decide_all([GET_INVOICE] * 2)
    assert [(d.is_allowed, d.failure) for d in decisions] == [(False, "unreachable")] * 2
