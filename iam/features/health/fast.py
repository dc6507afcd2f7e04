"""Probes and metrics, as orchestrators and Prometheus ask for them."""

import asyncio
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from iam.features.health.rules import is_ready
from iam.features.health.service import Probes, measure_process, read_all
from iam.http.work import begin_read
from iam.runtime import Runtime

READY_SECONDS: Final = 2.0
"""How long a probe may take; orchestrators give up at about three."""
_UNAVAILABLE: Final = 503
_FRESH: Final = {"Cache-Control": "no-store"}


def routes(runtime: Runtime, *, probes: Probes) -> list[Route]:
    """`GET /livez`, `GET /readyz`, `GET /metrics`."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=_FRESH)

    async def readyz(request: Request) -> Response:
        if "authorization" in request.headers:
            return await _in_full(request)
        try:
            async with asyncio.timeout(READY_SECONDS):
                ready = not runtime.is_draining and await probes.is_ready()
        except TimeoutError:
            ready = False
        if ready:
            return PlainTextResponse("ready\n", headers=_FRESH)
        return PlainTextResponse("not ready\n", _UNAVAILABLE, headers=_FRESH)

    async def _in_full(request: Request) -> Response:
        # Not at the top: the start need not wait for Prometheus' library.
        from iam.features.health.schemas import health_out

        async with begin_read(runtime, request) as uow:
            checks = await probes.look_closely(uow)
        status = 200 if is_ready(checks) else _UNAVAILABLE
        body = orjson.dumps(health_out(checks))
        return Response(body, status, _FRESH, "application/json")

    async def metrics(request: Request) -> Response:
        # As above.
        from iam.features.health.schemas import CONTENT_TYPE, exposition

        async with begin_read(runtime, request) as uow:
            families = await read_all(uow)
        families += measure_process(runtime.tools, runtime.loop_lag, probes.watch)
        headers = {**_FRESH, "Content-Type": CONTENT_TYPE}
        return Response(exposition(families, runtime.metrics), headers=headers)

    return [
        Route("/livez", livez, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
