"""The router of the JSON API. Every route names the action that it performs.

Around each endpoint, inside its unit of work and in this order: replay for `Idempotency-Key`, the
endpoint, proof that the action was authorized, serialization, the kept answer. The commit follows,
and then the answer is sent.
"""

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.responses import Response as PlainResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from iam.authz.actions import Action
from iam.http import idempotency
from iam.http.examples import differing
from iam.http.preconditions import etag, is_unchanged
from iam.http.strict_body import StrictRequest, check_query
from iam.http.work import RequestWork

Endpoint = Callable[..., Coroutine[Any, Any, Any]]
_NO_CONTENT = 204
_NOT_MODIFIED = 304
_JSON = "application/json"


class StrictRoute(APIRoute):
    """A route that parses its JSON body strictly, and takes no parameter twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given a request whose body is parsed already."""
        handle = super().get_route_handler()
        lists = {
            parameter.alias
            for parameter in self.dependant.query_params
            if get_origin(parameter.field_info.annotation) is list
        }

        async def handle_parsed(request: Request) -> Response:
            parsed = StrictRequest(request.scope, request.receive)
            check_query(request.query_params, lists=lists)
            if request.method not in {"GET", "HEAD"}:
                await parsed.parse()
            return await handle(parsed)

        return handle_parsed


class _Prepared:
    """FastAPI's route, made when it is first asked for.

    To make one takes the framework milliseconds, and there are more than a hundred: all together
    they were a third of the time of a start.
    """

    def __init__(self, make: Callable[[], APIRoute]) -> None:
        self._make = make

    @functools.cached_property
    def route(self) -> APIRoute:
        return self._make()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.route.app(scope, receive, send)


class LateRoute(Route):
    """Knows path and method; what FastAPI adds comes with the first request."""

    def __init__(self, method: str, path: str, make: Callable[[], APIRoute]) -> None:
        self._prepared = _Prepared(make)
        super().__init__(path, self._prepared, methods=[method])
        self.methods = {method}  # and no HEAD: it would be a read that no action was asked for

    @property
    def prepared(self) -> APIRoute:
        """The route as FastAPI knows it."""
        return self._prepared.route


def prepared_routes(routes: Iterable[BaseRoute]) -> list[APIRoute]:
    """Those of the routes that the OpenAPI document describes."""
    return [route.prepared for route in routes if isinstance(route, LateRoute)]


class ApiRouter:
    """Collects the routes of one feature under `/v1`."""

    def __init__(self, *, tag: str) -> None:
        self._tag = tag
        self.routes: list[LateRoute] = []

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a route that reads."""
        return self._route("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a route that creates or does something."""
        return self._route("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a route that sets something, however often it is called."""
        return self._route("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a route that changes parts of something."""
        return self._route("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a route that removes something."""
        return self._route("DELETE", path, **options)

    def _route(
        self,
        method: str,
        path: str,
        *,
        action: Action | None,
        operation_id: str | None = None,
        status_code: int = 200,
        shows_secret: bool = False,
        example: Mapping[str, Any] | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route.

        Args:
            method: The HTTP method.
            path: Below `/v1`.
            action: The action that the route performs; `None` for what anybody who is
                authenticated may do, which a test lists.
            operation_id: Its name in the OpenAPI document; by default the action's.
            status_code: Of success.
            shows_secret: Whether the answer shows a secret, and must not be kept for long.
            example: Members in which the example of the answer differs from its model's.
        """

        def declare(endpoint: Endpoint) -> Endpoint:
            name = operation_id or (action.operation if action else endpoint.__name__)

            def make() -> APIRoute:
                model = _model(endpoint)
                _build_shapes(endpoint)
                return StrictRoute(
                    f"/v1{path}",
                    _around(endpoint, action, status_code, shows_secret=shows_secret),
                    methods=[method],
                    tags=[self._tag],
                    status_code=status_code,
                    operation_id=name,
                    name=name,
                    summary=_summary(endpoint),
                    response_class=PlainResponse if status_code == _NO_CONTENT else JSONResponse,
                    response_model=model,
                    responses={status_code: {"content": differing(model, example)}}
                    if example
                    else None,
                    openapi_extra={"x-iam-action": action.value if action else None},
                )

            self.routes.append(LateRoute(method, f"/v1{path}", make))
            return endpoint

        return declare


def _summary(endpoint: Endpoint) -> str:
    """The first sentence of what the endpoint says of itself."""
    return (endpoint.__doc__ or endpoint.__name__).partition(".")[0]


def _build_shapes(endpoint: Endpoint) -> None:
    """Build the wire shapes of a route that nobody has asked for yet."""
    for shape in endpoint.__annotations__.values():
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            # What FastAPI makes of a shape that may wait would wait as well, for the first body.
            shape.model_config["defer_build"] = False
            shape.model_rebuild()


def _model(endpoint: Endpoint) -> Any:
    return endpoint.__annotations__.get("return")


def _around(
    endpoint: Endpoint, action: Action | None, status_code: int, *, shows_secret: bool
) -> Endpoint:
    """The endpoint with everything that no endpoint may forget."""

    @functools.wraps(endpoint)
    async def run(**arguments: Any) -> Response:
        work: RequestWork = arguments["work"]
        request: Request = arguments.pop("_request")
        kept = await idempotency.replay(work.uow, request)
        if kept is not None:
            return kept
        result = await endpoint(**arguments)
        if action not in {None, *(asked.action for asked in work.uow.authorized)}:
            message = f"{endpoint.__name__} answered without authorizing {action}"
            raise RuntimeError(message)
        answer = _answer(work, request, result, status_code)
        await idempotency.remember(work.uow, request, answer, shows_secret=shows_secret)
        return answer

    return _with_request(run, endpoint)


def _with_request(run: Endpoint, endpoint: Endpoint) -> Endpoint:
    """Let FastAPI hand the request to the wrapper, though the endpoint does not ask for it."""
    import inspect

    signature = inspect.signature(endpoint)
    parameter = inspect.Parameter("_request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]  # FastAPI reads it
        parameters=[*signature.parameters.values(), parameter]
    )
    return run


def _answer(work: RequestWork, request: Request, result: Any, status_code: int) -> Response:
    if result is None:
        return PlainResponse(status_code=_NO_CONTENT)
    headers = {"Cache-Control": "no-store"}
    version = getattr(result, "version", None)
    if version is not None:
        headers["ETag"] = etag(version)
        if request.method == "GET" and is_unchanged(request.headers, version):
            return PlainResponse(status_code=_NOT_MODIFIED, headers=headers)
    if work.location is not None:
        headers["Location"] = work.location
    next_cursor = getattr(result, "next_cursor", None)
    if next_cursor is not None:
        headers["Link"] = _link_to_next(request, next_cursor)
    body = result.model_dump_json() if isinstance(result, BaseModel) else result
    return PlainResponse(body, status_code, headers, _JSON)


def _link_to_next(request: Request, cursor: str) -> str:
    # Relative (RFC 8288 section 3.1): the host of the request is what the caller says (HD-03).
    url = request.url.include_query_params(cursor=cursor)
    return f'<{url.path}?{url.query}>; rel="next"'
