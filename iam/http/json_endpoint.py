"""An endpoint of the fast lane that takes JSON and answers JSON; plain ASGI, no framework.

A refusal is raised and becomes problem+json at the edge.
"""

from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from iam.errors import IamError, invalid
from iam.http.bearer import bearer_of
from iam.http.body import read_body
from iam.http.strict_body import parse_body
from iam.work.outages import database_errors
from iam_policy.values import quick_value

_HEADERS: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


@quick_value
class PostedJson:
    """One request.

    Attributes:
        body: The strictly parsed body; `None` when there was none.
        token: The caller's bearer token; nothing about it was checked yet.
        address: The client's address.
        request_id: Ties log lines and audit entries to the answer.
        is_secure: Whether it came over TLS.
    """

    body: Any
    token: str = field(repr=False)
    address: str | None
    request_id: str
    is_secure: bool


class JsonEndpoint:
    """An ASGI endpoint for `POST` of JSON by a bearer of a token.

    Args:
        handle: Returns the encoded answer, or raises `IamError`.
    """

    def __init__(self, handle: Callable[[PostedJson], Awaitable[bytes]]) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["method"] != "POST":
            raise invalid("method_not_allowed", "this address takes POST only")
        authorization: list[str] = []
        content_type = ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization.append(value.decode("latin-1"))
            elif name == b"content-type":
                content_type = value.decode("latin-1")
        token = bearer_of(authorization)
        posted = PostedJson(
            parse_body(await read_body(receive), content_type),
            token,
            scope["iam.address"],
            scope["iam.request_id"],
            scope["scheme"] == "https",
        )
        try:
            body = await self._handle(posted)
        except IamError:
            raise
        except Exception:
            with database_errors():  # only now: entering it costs more than it should here
                raise
        headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
