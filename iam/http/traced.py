"""A span for each request, of both lanes: around everything else, if at all.

It names the route and never the address: what stands there, query and all, may be a secret.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from iam.http.route_names import RouteNames, method_of
from iam.kit.spans import Span, SpanKind
from iam.kit.tracing import Tracer

_FAILED: Final = 500


class Traced:
    """Wraps the application, which leaves status and request id in the scope."""

    def __init__(self, app: ASGIApp, tracer: Tracer, names: RouteNames) -> None:
        self._app = app
        self._tracer = tracer
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = method_of(scope)
        span = self._tracer.begin(method, SpanKind.SERVER, traceparent=_traceparent(scope))
        with span:
            try:
                await self._app(scope, receive, send)
            finally:
                if span.is_sampled:
                    self._describe(span, scope, method)

    def _describe(self, span: Span, scope: Scope, method: str) -> None:
        # https://opentelemetry.io/docs/specs/semconv/http/http-spans/
        route, status = self._names.find(scope), scope.get("iam.status", 0)
        span.name = f"{method} {route}"
        span.attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.scheme": scope["scheme"],
            "iam.request_id": scope.get("iam.request_id", ""),
        }
        if status:
            span.attributes["http.response.status_code"] = status
        if status >= _FAILED:
            span.error = span.attributes["error.type"] = str(status)


def _traceparent(scope: Scope) -> str | None:
    """What the caller says; `None` when it says nothing, or two things."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None
