"""DOOR: HTTP. The one list of routers and fast routes; wires, and does nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from iam.errors import IamError
from iam.features.users import routes as users
from iam.http.edge import Edge
from iam.http.refusals import answer_http_error, answer_iam_error, answer_validation_error
from iam.runtime import Runtime

ROUTERS = (users.router,)


def build_app(runtime: Runtime) -> ASGIApp:
    """The ASGI application of one process. The runtime starts and stops with it."""
    api = _build_api(runtime)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await runtime.start()
        try:
            yield
        finally:
            await runtime.stop()

    app = Starlette(routes=[*_fast_routes(runtime), Mount("/", api)], lifespan=lifespan)
    return Edge(app, settings=runtime.settings, clock=runtime.clock)


def _fast_routes(runtime: Runtime) -> list[BaseRoute]:
    del runtime
    return []


def _build_api(runtime: Runtime) -> FastAPI:
    api = FastAPI(
        title="iam", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    api.state.runtime = runtime
    for router in ROUTERS:
        api.include_router(router.fastapi)
    api.add_exception_handler(IamError, answer_iam_error)
    api.add_exception_handler(RequestValidationError, answer_validation_error)
    api.add_exception_handler(HTTPException, answer_http_error)
    return api
