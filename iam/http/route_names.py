"""The template of the route that a request was for: one of a known few, whatever was asked for."""

from collections.abc import Iterable
from typing import Final

from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from iam.kit.metrics import OTHER

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class RouteNames:
    """Names what the application serves.

    Args:
        fast: Routes that are known by their path alone.
        templates: All others; the scope says, when they have answered, which of them it was.
    """

    def __init__(self, fast: Iterable[Route], templates: Iterable[BaseRoute]) -> None:
        self.fast: Final = tuple(fast)
        self._paths = frozenset(route.path for route in self.fast)
        self._templates = {
            id(route.endpoint): route.path for route in templates if isinstance(route, Route)
        }

    def find(self, scope: Scope) -> str:
        """The template; `other` when nothing is there."""
        path: str = scope["path"]
        if path in self._paths:
            return path
        return self._templates.get(id(scope.get("endpoint")), OTHER)


def method_of(scope: Scope) -> str:
    """The method; `other` when it is none of those that any route has."""
    method: str = scope["method"]
    return method if method in METHODS else OTHER
