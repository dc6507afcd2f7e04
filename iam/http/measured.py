"""Counts requests and how long they took, by route template: around everything else, if at all."""

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from iam.errors import ErrorKind
from iam.http.problems import STATUS
from iam.http.route_names import METHODS, RouteNames, method_of
from iam.kit.metrics import Exchanges, Metrics

_KINDS: Final = {status: kind.value for kind, status in STATUS.items()}
_REFUSED: Final = 400


class Measured:
    """Wraps the application, which leaves the status of its answer in the scope."""

    def __init__(self, app: ASGIApp, metrics: Metrics, names: RouteNames) -> None:
        self._app = app
        self._metrics = metrics
        self._names = names
        self._quick: dict[tuple[str, str], Exchanges] = {}
        for route in names.fast:
            for method in METHODS & set(route.methods or {"POST"}):
                self._quick[method, route.path] = metrics.of(method, route.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            status = scope.get("iam.status", 0)
            exchanges = self._quick.get((scope["method"], scope["path"])) or self._found(scope)
            exchanges.add(status, perf_counter() - began)
            if status >= _REFUSED:
                self._metrics.refusals.add(_KINDS.get(status) or _kind(status))

    def _found(self, scope: Scope) -> Exchanges:
        return self._metrics.of(method_of(scope), self._names.find(scope))


def _kind(status: int) -> str:
    """The kind of a status that has one of its own only by its code, such as 413."""
    return ErrorKind.INVALID.value if status < 500 else "internal_error"  # noqa: PLR2004 -- a status
