"""Bearer tokens on the requests of httpx2 and httpx clients, from one generator.

``BearerAuth`` is for httpx2 and ``HttpxBearerAuth`` for httpx; each works on sync clients with a
`TokenSource` and on async clients with an `AsyncTokenSource`. The classes are made when they are
first asked for, so that importing this module imports neither library.
"""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from iam_sdk.source import AsyncTokenSource, TokenSource

if TYPE_CHECKING:
    import httpx2

_HTTP_UNAUTHORIZED: Final = 401
_LIBRARIES: Final = {"BearerAuth": "httpx2", "HttpxBearerAuth": "httpx"}


@dataclass(frozen=True, slots=True)
class NeedToken:
    """The flow wants a token; ``refused`` is the one that was just turned down."""

    refused: str | None = None


def bearer_flow(request: Any) -> Generator[Any, Any, None]:
    """Put a token on a request; when it is refused as invalid, once more with another one.

    Yields `NeedToken` and receives a token (or None: there is no other), and yields the request and
    receives its response.
    """
    token = yield NeedToken()
    request.headers["Authorization"] = f"Bearer {token}"
    response = yield request
    if not is_token_refused(response) or not _may_repeat(request):
        return
    other = yield NeedToken(refused=token)
    if other is not None:
        request.headers["Authorization"] = f"Bearer {other}"
        yield request


def is_token_refused(response: Any) -> bool:
    """Whether a response says that the token is no good (RFC 6750 section 3.1)."""
    if response.status_code != _HTTP_UNAUTHORIZED:
        return False
    challenge = response.headers.get("www-authenticate", "")
    return 'error="invalid_token"' in challenge


def _may_repeat(request: Any) -> bool:
    try:
        request.content  # noqa: B018 - raises unless the body is in memory
    except RuntimeError:
        return False
    return True


class _BearerFlows:
    """What both classes share: the generator above, driven by either kind of client."""

    def __init__(self, source: TokenSource | AsyncTokenSource, audience: str) -> None:
        self._source = source
        self._audience = audience

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """What a sync client drives. Raises TypeError for an async token source."""
        source = self._source
        if not isinstance(source, TokenSource):
            raise TypeError("a sync client needs a TokenSource")
        flow = bearer_flow(request)
        step, answer = next(flow), None
        while step is not None:
            if not isinstance(step, NeedToken):
                answer = yield step
            elif step.refused is None:
                answer = source.token(self._audience)
            else:
                answer = source.renew(self._audience, step.refused)
            step = _advance(flow, answer)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """What an async client drives. Raises TypeError for a sync token source."""
        source = self._source
        if not isinstance(source, AsyncTokenSource):
            raise TypeError("an async client needs an AsyncTokenSource")
        flow = bearer_flow(request)
        step, answer = next(flow), None
        while step is not None:
            if not isinstance(step, NeedToken):
                answer = yield step
            elif step.refused is None:
                answer = await source.token(self._audience)
            else:
                answer = await source.renew(self._audience, step.refused)
            step = _advance(flow, answer)


def _advance(flow: Generator[Any, Any, None], answer: Any) -> Any:
    try:
        return flow.send(answer)
    except StopIteration:
        return None


@cache
def _auth_class(name: str) -> type[Any]:
    library = import_module(_LIBRARIES[name])
    return type(name, (_BearerFlows, library.Auth), {"__doc__": _BearerFlows.__doc__})


if TYPE_CHECKING:

    class BearerAuth(_BearerFlows, httpx2.Auth):
        """For clients of httpx2."""

    class HttpxBearerAuth(_BearerFlows):
        """For clients of httpx."""

else:

    def __getattr__(name: str) -> type[Any]:
        if name not in _LIBRARIES:
            raise AttributeError(name)
        return _auth_class(name)
