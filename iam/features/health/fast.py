"""Probes and metrics, as orchestrators and Prometheus ask for them."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from iam.features.health.service import is_ready, read_metrics
from iam.features.signing_keys.snapshots import Signers
from iam.http.bearer import bearer_token
from iam.http.work import caller_of
from iam.runtime import Runtime

READY_SECONDS: Final = 2.0
"""How long a probe may take; orchestrators give up at about three."""
_UNAVAILABLE: Final = 503
_FRESH: Final = {"Cache-Control": "no-store"}


def routes(runtime: Runtime, *, signers: Signers) -> list[Route]:
    """`GET /livez`, `GET /readyz`, `GET /metrics`."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=_FRESH)

    async def readyz(_request: Request) -> Response:
        try:
            async with asyncio.timeout(READY_SECONDS):
                ready = await is_ready(runtime.tools, signers)
        except TimeoutError:
            ready = False
        if ready:
            return PlainTextResponse("ready\n", headers=_FRESH)
        return PlainTextResponse("not ready\n", _UNAVAILABLE, headers=_FRESH)

    async def metrics(request: Request) -> Response:
        # Not at the top: the start need not wait for Prometheus' library.
        from iam.features.health.schemas import CONTENT_TYPE, exposition

        now = runtime.clock.now()
        token = await runtime.authenticator.verify(bearer_token(request.headers), now=now)
        async with runtime.begin(caller_of(request), read_only=True) as uow:
            await runtime.authenticator.identify(uow, token)
            readings = await read_metrics(uow)
        headers = {**_FRESH, "Content-Type": CONTENT_TYPE}
        return Response(exposition(readings), headers=headers)

    return [
        Route("/livez", livez, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
