"""What the OAuth endpoints share at the edge: one form in, one JSON object out, OAuth's errors.

Plain ASGI and no framework request: these endpoints are the fast lane. What the form means is for
the feature to say.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from iam.errors import ErrorKind, IamError, invalid
from iam.http.body import read_body
from iam.http.problems import oauth_error, status_of
from iam.work.outages import is_outage

_log = structlog.get_logger(__name__)

_FORM: Final = b"application/x-www-form-urlencoded"
# RFC 6749 section 5.2, RFC 8707 section 2, RFC 6750 section 3.1: codes that leave as they are.
_OAUTH_CODES: Final = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
    "unsupported_grant_type", "invalid_scope", "invalid_target", "invalid_token",
})  # fmt: skip
# RFC 6749 section 4.1.2.1 has the name; the token endpoint had none for it and needs one.
_UNAVAILABLE: Final = "temporarily_unavailable"
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
]


@dataclass(frozen=True, slots=True)
class PostedForm:
    """One request as it came: a form that nobody has parsed yet.

    Attributes:
        body: The encoded form; size and time are bounded by the edge.
        authorization: The `Authorization` headers.
        address: The client's address.
        request_id: Ties log lines and audit entries to the answer.
        is_secure: Whether it came over TLS.
    """

    body: bytes = field(repr=False)
    authorization: tuple[str, ...] = field(repr=False)
    address: str | None
    request_id: str
    is_secure: bool


class FormEndpoint:
    """An ASGI endpoint that takes a posted form and answers with JSON that nobody may cache.

    Args:
        handle: Returns the encoded JSON object, or raises `IamError`; a code of OAuth becomes the
            answer's `error`, any other is told by its kind.
    """

    def __init__(self, handle: Callable[[PostedForm], Awaitable[bytes]]) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        authorization: tuple[str, ...] = ()
        try:
            content_type = b""
            for name, value in scope["headers"]:
                if name == b"authorization":
                    authorization = (*authorization, value.decode("latin-1"))
                elif name == b"content-type":
                    content_type = value
            _check(scope, content_type)
            posted = PostedForm(
                await read_body(receive),
                authorization,
                scope["iam.address"],
                scope["iam.request_id"],
                scope["scheme"] == "https",
            )
            body = await self._handle(posted)
        except Exception as error:
            refusal = _as_refusal(error)
            if refusal is None:
                raise
            await _refuse(refusal, authorization, scope, receive, send)
            return
        headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _check(scope: Scope, content_type: bytes) -> None:
    if scope["method"] != "POST":
        raise invalid("method_not_allowed", "this address takes POST only")
    if scope["query_string"]:
        # RFC 6749 section 2.3.1: what stands in an address is logged by everybody on the way.
        raise invalid("invalid_request", "parameters belong into the body, none into the address")
    if content_type.partition(b";")[0].strip().lower() != _FORM:
        raise invalid("invalid_request", f"expected a body of type {_FORM.decode()}")


def _as_refusal(error: Exception) -> IamError | None:
    if isinstance(error, IamError):
        return error
    if is_outage(error):
        _log.warning("database_unavailable", error=type(error).__name__)
        message = "the database does not answer; try again"
        return IamError(ErrorKind.UNAVAILABLE, "database_unavailable", message, retry_after=1)
    return None


async def _refuse(
    error: IamError, authorization: tuple[str, ...], scope: Scope, receive: Receive, send: Send
) -> None:
    status = status_of(error)
    headers: dict[str, str] = {}
    if error.kind is ErrorKind.UNAUTHENTICATED:
        # RFC 6749 section 5.2: answer in the scheme that the client used.
        scheme = authorization[0].partition(" ")[0].lower() if authorization else ""
        if scheme == "bearer":
            headers["WWW-Authenticate"] = 'Bearer realm="iam", error="invalid_token"'
        elif scheme:
            headers["WWW-Authenticate"] = 'Basic realm="iam"'
    if error.code == "method_not_allowed":
        headers["Allow"] = "POST"
    if "retry_after" in error.detail:
        headers["Retry-After"] = str(error.detail["retry_after"])
    answer = oauth_error(_oauth_code(error), error.message, status=status, headers=headers)
    await answer(scope, receive, send)


def _oauth_code(error: IamError) -> str:
    if error.code in _OAUTH_CODES:
        return error.code
    if error.kind is ErrorKind.UNAVAILABLE:
        return _UNAVAILABLE
    return "invalid_client" if error.kind is ErrorKind.UNAUTHENTICATED else "invalid_request"
