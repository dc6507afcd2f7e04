"""For ASGI services: who is calling (`IamMiddleware`), and may they do this (`require`).

No framework is imported here. The middleware is plain ASGI; `require` meets FastAPI as a dependency
and Starlette as a decorator of an endpoint.
"""

import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from iam_sdk.authorizer import AsyncAuthorizer, Decision, Evaluation
from iam_sdk.errors import ConfigurationError, TokenInvalid
from iam_sdk.reasons import Reason
from iam_sdk.tokens import EXPIRY_LEEWAY_SECONDS, AccessToken
from iam_sdk.verifier import TokenVerifier

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_BEARER: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    503: "Service Unavailable",
}
_POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1
# What the issuer says about a token that is whole, and has ended before its time.
_INACTIVE: Final = "token_inactive"
_log = logging.getLogger("iam_sdk.asgi")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: the verified token, and its text for asking for decisions about it."""

    token: AccessToken
    bearer: str = field(repr=False)

    @property
    def subject(self) -> str:
        """The immutable id of the principal."""
        return self.token.subject

    @property
    def arn(self) -> str:
        """The name of the principal in policies."""
        return self.token.arn

    @property
    def account(self) -> str:
        """The account that the principal lives in."""
        return self.token.account

    @property
    def expires_at(self) -> int:
        """When the token ends, in Unix seconds: for work that outlives a request."""
        return self.token.expires_at


class Refusal(Exception):  # noqa: N818 - an answer on its way out, never shown as an error
    """A request that is answered here. ``error`` is a code of RFC 6750 section 3.1."""

    def __init__(self, status: int, code: str, error: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.error = error


class IamMiddleware:
    """Lets in only requests with a valid access token for this service.

    The caller is in ``scope["iam"]`` and ``request.state.identity``, an `Identity`.
    ``public_paths`` are exact paths that anybody may call. A response that streams on, and a
    web socket, end when the token does.
    """

    def __init__(
        self,
        app: App,
        *,
        verifier: TokenVerifier,
        authorizer: AsyncAuthorizer | None = None,
        public_paths: Collection[str] = (),
        realm: str = "iam",
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._authorizer = authorizer
        self._public_paths = frozenset(public_paths)
        self._realm = realm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] in self._public_paths:
            await self._app(scope, receive, send)
            return
        try:
            bearer = read_bearer(scope)
            token = await self._verifier.verify_async(bearer)
        except Refusal as refusal:
            await self._refuse(scope, send, refusal)
        except TokenInvalid as invalid:
            await self._refuse(scope, send, _refusal_for(invalid))
        else:
            identity = Identity(token, bearer)
            scope["iam"] = identity
            scope["iam.authorizer"] = self._authorizer
            scope.setdefault("state", {})["identity"] = identity
            await self._app(scope, receive, self._until_expiry(identity, send))

    def _until_expiry(self, identity: Identity, send: Send) -> Send:
        ends_at = identity.expires_at + EXPIRY_LEEWAY_SECONDS

        async def send_while_valid(message: Message) -> None:
            goes_on = message["type"] == "websocket.send" or message.get("more_body", False)
            if goes_on and self._verifier.now() >= ends_at:
                if message["type"] == "websocket.send":
                    await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                # To end a response politely would make a cut answer look like a whole one.
                raise TokenInvalid(Reason.EXPIRED)
            await send(message)

        return send_while_valid

    async def _refuse(self, scope: Scope, send: Send, refusal: Refusal) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
        if refusal.status in {400, 401}:
            headers.append((b"www-authenticate", challenge(self._realm, refusal).encode()))
        body = json.dumps(problem(refusal.status, refusal.code)).encode()
        headers.append((b"content-length", str(len(body)).encode()))
        start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})


def read_bearer(scope: Scope) -> str:
    """The one bearer token of a request (RFC 6750 section 2.1).

    Raises Refusal when there is none, when there are two ``Authorization`` headers, or when a token
    is in the query, where it would end in logs.
    """
    query = scope.get("query_string", b"").decode("latin-1")
    if any(name == "access_token" for name, _ in parse_qsl(query, keep_blank_values=True)):
        raise Refusal(400, "token_in_query", "invalid_request")
    values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(values) > 1:
        raise Refusal(400, "authorization_repeated", "invalid_request")
    # Without a token there is no error to name (RFC 6750 section 3.1).
    if not values or not values[0][:7].lower().startswith(b"bearer"):
        raise Refusal(401, "token_missing")
    found = _BEARER.fullmatch(values[0])
    if found is None:
        raise Refusal(401, "malformed", "invalid_token")
    return found.group(1).decode("ascii")


def challenge(realm: str, refusal: Refusal) -> str:
    """The ``WWW-Authenticate`` header for a refusal (RFC 6750 section 3)."""
    parts = [f'realm="{realm}"']
    if refusal.error is not None:
        parts += [f'error="{refusal.error}"', f'error_description="{refusal.code}"']
    return "Bearer " + ", ".join(parts)


def problem(status: int, code: str, decision_id: str | None = None) -> dict[str, Any]:
    """A problem document (RFC 9457) that tells the caller what they may know, and no more."""
    document: dict[str, Any] = {"title": _TITLES[status], "status": status, "code": code}
    return document | ({"decision_id": decision_id} if decision_id is not None else {})


def _refusal_for(invalid: TokenInvalid) -> Refusal:
    if invalid.reason in {Reason.JWKS_UNAVAILABLE, Reason.JWKS_STALE}:
        return Refusal(503, str(invalid.reason))
    return Refusal(401, str(invalid.reason), "invalid_token")


def require(action: str, *, resource: str) -> "Guard":
    """A guard that lets a request through only if the caller may do ``action`` on ``resource``.

    ``resource`` is an ARN with path parameters in braces:
    ``require("billing:GetInvoice", resource="arn:iam:billing::main:invoice/{id}")``. Use it as
    ``Depends(require(...))`` in FastAPI, or as ``@require(...)`` on an endpoint of Starlette.
    """
    return Guard(action, resource)


class Guard:
    """What `require` makes: 403 with a decision id when it is denied, 503 when nobody could decide.

    The issuer knows what no signature tells: that a token was revoked, or its holder disabled. Then
    the answer is 401 as for any invalid token, and a caller with our SDK comes with another one.
    """

    def __init__(self, action: str, resource: str) -> None:
        self.action = action
        self.resource = resource
        # FastAPI looks through this to see that calling a guard gives something to await.
        self.__wrapped__ = self.check

    @property
    def __signature__(self) -> inspect.Signature:
        """What FastAPI reads to know that the guard wants the connection."""
        from starlette.requests import HTTPConnection

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter("request", kind, annotation=HTTPConnection)])

    def __call__(self, request: Any) -> Any:
        """Guard an endpoint (as a decorator), or check one connection (as a dependency)."""
        return self._decorate(request) if callable(request) else self.check(request)

    async def check(self, request: Any) -> Identity:
        """Return who is calling, if they may. Raises starlette's HTTPException otherwise."""
        identity, decision = await self._decide(request)
        if not decision.is_allowed:
            from starlette.exceptions import HTTPException

            document, headers = _denial(decision)
            raise HTTPException(document["status"], document, headers)  # type: ignore[arg-type]  # a detail may be JSON
        return identity

    def _decorate(self, endpoint: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        if not inspect.iscoroutinefunction(endpoint):
            raise TypeError("require() guards `async def` endpoints")

        @wraps(endpoint)
        async def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            _, decision = await self._decide(request)
            if decision.is_allowed:
                return await endpoint(request, *args, **kwargs)
            from starlette.responses import JSONResponse

            document, headers = _denial(decision)
            media_type = "application/problem+json"
            return JSONResponse(document, document["status"], headers, media_type)

        return guarded

    async def _decide(self, request: Any) -> tuple[Identity, Decision]:
        identity, authorizer = request.scope.get("iam"), request.scope.get("iam.authorizer")
        if identity is None or authorizer is None:
            raise ConfigurationError("guard_unarmed", "IamMiddleware with an authorizer is missing")
        resource = fill(self.resource, request.path_params)
        question = Evaluation(self.action, resource, token=identity.bearer)
        decision = await authorizer.decide(question)
        if not decision.is_allowed:
            _log.info(
                "denied: %s may not %s on %s (%s, decision %s, matched %s, blocked by %s)",
                identity.arn, self.action, resource, decision.failure or decision.outcome,
                decision.decision_id, list(decision.matched), decision.blocked_by,
            )  # fmt: skip
        return identity, decision


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Put path parameters into a resource template; ConfigurationError names an unknown one."""

    def value_of(name: re.Match[str]) -> str:
        if name.group(1) not in values:
            raise ConfigurationError("resource_template", f"no path parameter `{name.group(1)}`")
        return str(values[name.group(1)])

    return re.sub(r"\{(\w+)\}", value_of, template)


def _denial(decision: Decision) -> tuple[dict[str, Any], dict[str, str]]:
    """The problem document, and the headers that go with it."""
    if decision.failure == _INACTIVE:
        refusal = Refusal(401, _INACTIVE, "invalid_token")
        headers = {"www-authenticate": challenge("iam", refusal)}
        return problem(401, _INACTIVE, decision.decision_id), headers
    if decision.failure is not None:
        return problem(503, "authorization_unavailable", decision.decision_id), {}
    return problem(403, "access_denied", decision.decision_id), {}
