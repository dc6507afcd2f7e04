"""DOOR: HTTP. The one list of routers and fast routes; wires, and does nothing else."""

import asyncio
import platform
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from iam.features.access import routes as access
from iam.features.accounts import routes as accounts
from iam.features.attachments import routes as attachments
from iam.features.audit_log import routes as audit_log
from iam.features.catalogues import routes as catalogues
from iam.features.catalogues.snapshots import PrefixSnapshots
from iam.features.configuration import routes as configuration
from iam.features.credentials import routes as credentials
from iam.features.credentials.snapshots import ClientSnapshots
from iam.features.decisions import fast as decisions
from iam.features.decisions import schemas as decision_schemas
from iam.features.decisions.service import DecisionPoint
from iam.features.diagnostics import routes as diagnostics
from iam.features.discovery import fast as discovery
from iam.features.discovery import schemas as discovery_schemas
from iam.features.groups import routes as groups
from iam.features.guardrails import routes as guardrails
from iam.features.health import fast as health
from iam.features.health.service import Probes
from iam.features.introspection import fast as introspection
from iam.features.introspection import schemas as introspection_schemas
from iam.features.jobs import routes as jobs
from iam.features.mail import routes as mail
from iam.features.me import routes as me
from iam.features.oauth import fast as oauth
from iam.features.oauth import schemas as oauth_schemas
from iam.features.oauth.service import ClientAuthenticator
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.policies import routes as policies
from iam.features.resource_policies import routes as resource_policies
from iam.features.revocation import fast as revocation
from iam.features.revocation import schemas as revocation_schemas
from iam.features.roles import routes as roles
from iam.features.services import routes as services
from iam.features.signing_keys import fast as jwks
from iam.features.signing_keys import routes as signing_keys
from iam.features.signing_keys import schemas as jwks_schemas
from iam.features.signing_keys.snapshots import Signers
from iam.features.simulation import fast as simulation
from iam.features.simulation import schemas as simulation_schemas
from iam.features.tokens.snapshots import TokenSnapshots
from iam.features.users import routes as users
from iam.features.webhooks import routes as webhooks
from iam.features.why import routes as why
from iam.http.edge import Edge
from iam.http.fast_lane import FastLane
from iam.http.measured import Measured
from iam.http.openapi import serve_openapi
from iam.http.refusals import REFUSALS
from iam.http.route_names import RouteNames
from iam.http.work import ServedBy
from iam.runtime import Runtime

ROUTERS = (
    access.router,
    accounts.router,
    *attachments.routers,
    audit_log.router,
    catalogues.router,
    configuration.router,
    credentials.router,
    diagnostics.router,
    groups.router,
    guardrails.router,
    jobs.router,
    mail.router,
    me.router,
    policies.router,
    resource_policies.router,
    roles.router,
    services.router,
    signing_keys.router,
    users.router,
    webhooks.router,
    why.router,
)


def build_app(runtime: Runtime) -> ASGIApp:
    """The ASGI application of one process. The runtime starts and stops with it."""
    api = ServedBy(describe_api(), runtime)

    signers = Signers(runtime.tools)
    probes = Probes(runtime.tools, signers, runtime.loop_lag)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await runtime.start()
        background = [asyncio.create_task(each) for each in _background(runtime, probes)]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await runtime.stop()

    fast = _fast_routes(runtime, signers, probes)
    app = Starlette(routes=[*fast, Mount("/", api)], exception_handlers=REFUSALS, lifespan=lifespan)
    edge = Edge(FastLane(app, fast), settings=runtime.settings, clock=runtime.clock)
    return _observed(edge, runtime, RouteNames(fast, describe_api().router.routes))


def _observed(app: ASGIApp, runtime: Runtime, names: RouteNames) -> ASGIApp:
    """The application with what counts and traces its requests around it, if that is on."""
    if runtime.metrics is not None:
        app = Measured(app, runtime.metrics, names)
    if runtime.tracer is not None:
        from iam.http.traced import Traced  # who traces nothing must not wait for it

        app = Traced(app, runtime.tracer, names)
    return app


def _background(runtime: Runtime, probes: Probes) -> Iterator[Coroutine[Any, Any, None]]:
    """What goes on beside the requests, until cancelled."""
    yield probes.watch.run()
    if runtime.settings.metrics.push_url is not None:
        from iam.features.health.jobs import Push  # who pushes nothing need not wait for it

        tags = {"instance": f"{platform.node()}:{runtime.settings.port}", "role": "server"}
        yield Push(runtime, tags=tags, watch=probes.watch).run()


def _fast_routes(runtime: Runtime, signers: Signers, probes: Probes) -> list[Route]:
    """What several of them need is built once, here."""
    tools = runtime.tools
    client_credentials = ClientSnapshots(tools, runtime.outbound)
    clients = ClientAuthenticator(tools, runtime.principals, client_credentials)
    audiences = AudienceSnapshots(tools)
    tokens = TokenSnapshots(tools, runtime.keys)
    point = DecisionPoint(
        tools,
        tokens=tokens,
        principals=runtime.principals,
        surroundings=runtime.surroundings,
        audiences=audiences,
        prefixes=PrefixSnapshots(tools),
    )
    return [
        *oauth.routes(runtime, clients=clients, audiences=audiences, signers=signers),
        *introspection.routes(runtime, clients=clients, audiences=audiences, tokens=tokens),
        *revocation.routes(runtime, clients=clients, tokens=tokens),
        *decisions.routes(runtime, point=point),
        *simulation.routes(runtime, point=point),
        *discovery.routes(runtime),
        *jwks.routes(runtime),
        *health.routes(runtime, probes=probes),
    ]


@cache
def describe_api() -> FastAPI:
    """The JSON API. It is the same for every runtime."""
    api = FastAPI(title="iam", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    for router in ROUTERS:
        api.router.routes.extend(router.routes)
    serve_openapi(
        api,
        {
            **oauth_schemas.OPENAPI,
            **introspection_schemas.OPENAPI,
            **revocation_schemas.OPENAPI,
            **jwks_schemas.OPENAPI,
            **discovery_schemas.OPENAPI,
            **decision_schemas.OPENAPI,
            **simulation_schemas.OPENAPI,
        },
    )
    for kind, answer in REFUSALS.items():
        api.add_exception_handler(kind, answer)
    return api
