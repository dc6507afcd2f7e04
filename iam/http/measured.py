"""Counts requests and how long they took, by route template: around everything else, if at all."""

from collections.abc import Iterable
from time import perf_counter
from typing import Final

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from iam.errors import ErrorKind
from iam.http.problems import STATUS
from iam.kit.metrics import OTHER, Exchanges, Metrics

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_KINDS: Final = {status: kind.value for kind, status in STATUS.items()}
_REFUSED: Final = 400


class Measured:
    """Wraps the application.

    Args:
        app: What answers; it leaves the status of its answer in the scope.
        metrics: Where to count.
        fast: Routes that are known by their path alone.
        templates: All others; the scope says which of them it was.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        fast: Iterable[Route],
        templates: Iterable[BaseRoute],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._quick: dict[tuple[str, str], Exchanges] = {}
        self._paths: set[str] = set()
        for route in fast:
            self._paths.add(route.path)
            for method in METHODS & set(route.methods or {"POST"}):
                self._quick[method, route.path] = metrics.of(method, route.path)
        self._templates = {
            id(route.endpoint): route.path for route in templates if isinstance(route, Route)
        }

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
        method = scope["method"] if scope["method"] in METHODS else OTHER
        path = scope["path"]
        if path not in self._paths:
            path = self._templates.get(id(scope.get("endpoint")), OTHER)
        return self._metrics.of(method, path)


def _kind(status: int) -> str:
    """The kind of a status that has one of its own only by its code, such as 413."""
    return ErrorKind.INVALID.value if status < 500 else "internal_error"  # noqa: PLR2004 -- a status
