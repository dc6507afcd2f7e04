"""The dependency of every API route: a unit of work whose caller is proven.

FastAPI runs what stands after a `yield` only after the answer was sent, unless the dependency's
scope is the function. It is here: the commit comes first, and only then does the answer leave.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from iam.http.bearer import bearer_token
from iam.http.preconditions import check_if_match
from iam.runtime import Runtime
from iam.work import Caller, UnitOfWork

_READS = frozenset({"GET", "HEAD"})
_RUNTIME = "iam.runtime"


class ServedBy:
    """An application whose requests are served by this runtime.

    The application itself knows no runtime: it only describes the API, which takes a while to
    build, and may serve several.
    """

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        scope[_RUNTIME] = self._runtime
        await self._app(scope, receive, send)


@dataclass(slots=True)
class RequestWork:
    """A unit of work together with what the answer needs from the request.

    Attributes:
        uow: The unit of work; its caller is authenticated.
        headers: The headers of the request.
        location: Where a created resource can be read; becomes the `Location` header.
    """

    uow: UnitOfWork
    headers: Headers
    runtime: Runtime
    location: str | None = None

    def expect_version(self, version: int | None) -> None:
        """Check `If-Match` against the version that is about to change; `None` of what is new."""
        check_if_match(self.headers, version)

    def heed_version(self, version: int | None) -> None:
        """The same for a change that may be made unseen: only if there is an `If-Match`."""
        if "if-match" in self.headers:
            check_if_match(self.headers, version)


def caller_of(request: Request) -> Caller:
    """A caller who has not proven anything yet, with the facts of the connection."""
    return Caller(
        id="",
        arn="",
        account="",
        kind="anonymous",
        address=request.scope["iam.address"],
        request_id=request.scope["iam.request_id"],
        is_secure=request.scope["scheme"] == "https",
    )


@asynccontextmanager
async def begin_read(runtime: Runtime, request: Request) -> AsyncIterator[UnitOfWork]:
    """A unit of work that only reads, whose caller is authenticated, outside of the JSON API."""
    token = await runtime.authenticator.verify(
        bearer_token(request.headers), now=runtime.clock.now()
    )
    async with runtime.begin(caller_of(request), read_only=True) as uow:
        await runtime.authenticator.identify(uow, token)
        yield uow


async def _begin(request: Request) -> AsyncIterator[RequestWork]:
    runtime: Runtime = request.scope[_RUNTIME]
    token = await runtime.authenticator.verify(
        bearer_token(request.headers), now=runtime.clock.now()
    )
    read_only = request.method in _READS
    async with (
        # First, so that who waits holds no connection of the database meanwhile.
        runtime.turns.take(token.account, alone=not read_only),
        runtime.begin(caller_of(request), read_only=read_only) as uow,
    ):
        await uow.hold_account(token.account)
        await runtime.authenticator.identify(uow, token)
        yield RequestWork(uow, request.headers, runtime)


Work = Annotated[RequestWork, Depends(_begin, scope="function")]
"""Declare a parameter `work: Work` to get a unit of work whose caller is authenticated."""
