"""`POST /v1/policies:simulate`, on the fast lane."""

import orjson
from starlette.routing import Route

from iam.features.decisions.service import DecisionPoint
from iam.features.simulation.rules import parse_simulation
from iam.features.simulation.schemas import outcome_out
from iam.features.simulation.service import Simulator
from iam.http.json_endpoint import JsonEndpoint, PostedJson
from iam.runtime import Runtime


def routes(runtime: Runtime, *, point: DecisionPoint) -> list[Route]:
    """`POST /v1/policies:simulate`."""
    simulator = Simulator(
        runtime.tools, point, principals=runtime.principals, surroundings=runtime.surroundings
    )

    limits = runtime.settings.policies.limits()

    async def simulate(posted: PostedJson) -> bytes:
        asker = await point.asker(
            posted.token,
            request_id=posted.request_id,
            address=posted.address,
            is_secure=posted.is_secure,
        )
        simulation = parse_simulation(posted.body, limits)
        outcome = await simulator.simulate(asker, simulation, body=posted.body)
        return orjson.dumps(outcome_out(outcome, simulation))

    return [Route("/v1/policies:simulate", JsonEndpoint(simulate))]
