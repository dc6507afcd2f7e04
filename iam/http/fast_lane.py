"""The short way to a fast route: by its exact path, past the framework's own search and layers.

The framework's way costs as much as the rest of a bare request. It stays the way for everything
else: other spellings of a path, and all that is no fast route.
"""

from collections.abc import Iterable

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from iam.errors import invalid


class FastLane:
    """Hands a request to the fast route of exactly its path, any other to the `app`."""

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self._app = app
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI event. Raises `IamError` for a method that the fast route has not."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        if route.methods is not None and scope["method"] not in route.methods:
            # The framework would say that there is nothing here, as the API behind takes any path.
            takes = " and ".join(sorted(route.methods))
            raise invalid("method_not_allowed", f"this address takes {takes} only")
        await route.app(scope, receive, send)
