"""Asking the issuer for decisions: may this caller do that, here and now?

Whatever goes wrong on the way, the answer is a refusal that says why: nobody is let in because
nobody could be asked.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_sdk.endpoints import Endpoints
from iam_sdk.errors import IamSdkError, TransportError
from iam_sdk.http_auth import NeedToken
from iam_sdk.source import AsyncTokenSource, TokenSource
from iam_sdk.transport import (
    AsyncSender,
    HttpRequest,
    HttpResponse,
    Sender,
    drive,
    drive_async,
    new_async_client,
    new_client,
    send_with,
    send_with_async,
)

MAX_ANSWER_BYTES: Final = 1024 * 1024
TIMEOUT_SECONDS: Final = 3.0

_HTTP_OK: Final = 200
_HTTP_UNAUTHORIZED: Final = 401
_LIMITS: Final = JsonLimits(max_bytes=MAX_ANSWER_BYTES)

Outcome: TypeAlias = Literal["allowed", "explicitDeny", "implicitDeny"]
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "allowed": "allowed",
    "explicitDeny": "explicitDeny",
    "implicitDeny": "implicitDeny",
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One question. Either ``token`` (the caller's own) or ``principal`` (an ARN) says who."""

    action: str
    resource: str
    token: str | None = field(default=None, repr=False)
    principal: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The question as it goes over the wire."""
        who = {"token": self.token} if self.token is not None else {"principal": self.principal}
        return who | {
            "action": self.action,
            "resource": self.resource,
            "context": dict(self.context),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer, with its reasons. ``failure`` is set when nobody could decide.

    ``matched`` and ``blocked_by`` name policies: they are for the log, not for the caller.
    """

    outcome: Outcome
    decision_id: str | None = None
    matched: tuple[Mapping[str, Any], ...] = ()
    blocked_by: str | None = None
    failure: str | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the request may go on. Everything but a clear yes is a no."""
        return self.outcome == "allowed" and self.failure is None


class Authorizer:
    """Decisions for threads, over one pooled connection."""

    def __init__(
        self, endpoints: Endpoints, source: TokenSource, *, send: Sender | None = None
    ) -> None:
        self._endpoints = endpoints
        self._source = source
        self._send = send or send_with(new_client())

    def decide(self, evaluation: Evaluation) -> Decision:
        """Answer one question. Never raises for what the network or the issuer does."""
        return self.decide_all([evaluation])[0]

    def decide_all(self, evaluations: Sequence[Evaluation]) -> tuple[Decision, ...]:
        """Answer several questions in one round trip, in their order."""
        return drive(decision_flow(self._endpoints, evaluations), self._answer)

    def _answer(self, step: HttpRequest | NeedToken) -> HttpResponse | str | None:
        if isinstance(step, HttpRequest):
            return self._send(step)
        if step.refused is None:
            return self._source.token(self._endpoints.issuer)
        return self._source.renew(self._endpoints.issuer, step.refused)


class AsyncAuthorizer:
    """Decisions for one event loop; otherwise as `Authorizer`."""

    def __init__(
        self, endpoints: Endpoints, source: AsyncTokenSource, *, send: AsyncSender | None = None
    ) -> None:
        self._endpoints = endpoints
        self._source = source
        self._send = send or send_with_async(new_async_client())

    async def decide(self, evaluation: Evaluation) -> Decision:
        """Answer one question. Never raises for what the network or the issuer does."""
        return (await self.decide_all([evaluation]))[0]

    async def decide_all(self, evaluations: Sequence[Evaluation]) -> tuple[Decision, ...]:
        """Answer several questions in one round trip, in their order."""
        return await drive_async(decision_flow(self._endpoints, evaluations), self._answer)

    async def _answer(self, step: HttpRequest | NeedToken) -> HttpResponse | str | None:
        if isinstance(step, HttpRequest):
            return await self._send(step)
        if step.refused is None:
            return await self._source.token(self._endpoints.issuer)
        return await self._source.renew(self._endpoints.issuer, step.refused)


def decision_flow(
    endpoints: Endpoints, evaluations: Sequence[Evaluation]
) -> Generator[HttpRequest | NeedToken, Any, tuple[Decision, ...]]:
    """Ask with our own token; once more with another if that is refused; fail closed."""
    try:
        token = yield NeedToken()
        response = yield _request(endpoints, evaluations, token)
        if response.status == _HTTP_UNAUTHORIZED:
            other = yield NeedToken(refused=token)
            if other is not None:
                response = yield _request(endpoints, evaluations, other)
        return _read(response, len(evaluations))
    except IamSdkError as error:
        return (Decision("implicitDeny", failure=str(error.reason)),) * len(evaluations)


def _request(endpoints: Endpoints, evaluations: Sequence[Evaluation], token: str) -> HttpRequest:
    body = json.dumps({"evaluations": [evaluation.as_json() for evaluation in evaluations]})
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return HttpRequest(
        "POST",
        endpoints.decisions,
        headers,
        body.encode(),
        max_bytes=MAX_ANSWER_BYTES,
        timeout=TIMEOUT_SECONDS,
    )


def _read(response: HttpResponse, expected: int) -> tuple[Decision, ...]:
    if response.status != _HTTP_OK:
        raise TransportError(f"status_{response.status}")
    try:
        answer = parse_json(response.body, _LIMITS)
    except JsonError as error:
        raise TransportError("answer_unexpected") from error
    decisions = answer.get("decisions") if isinstance(answer, dict) else None
    if not isinstance(decisions, list) or len(decisions) != expected:
        raise TransportError("answer_unexpected")
    return tuple(_decision(decision) for decision in decisions)


def _decision(answer: Any) -> Decision:
    if not isinstance(answer, dict):
        raise TransportError("answer_unexpected")
    decision_id, error = answer.get("decision_id"), answer.get("error")
    matched, blocked_by = answer.get("matched", []), answer.get("blocked_by")
    outcome = _OUTCOMES.get(str(answer.get("decision")))
    if (
        not isinstance(decision_id, str)
        or not isinstance(matched, list)
        or not isinstance(blocked_by, str | None)
        or (outcome is None and error is None)
    ):
        raise TransportError("answer_unexpected")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        return Decision("implicitDeny", decision_id, failure=str(code or "error"))
    return Decision(outcome or "implicitDeny", decision_id, tuple(matched), blocked_by)
