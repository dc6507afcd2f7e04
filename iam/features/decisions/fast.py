"""`POST /v1/decisions`, on the fast lane."""

import asyncio

import orjson
from starlette.routing import Route

from iam.features.decisions.rules import parse_evaluations
from iam.features.decisions.schemas import answer_out
from iam.features.decisions.service import Answer, Decide, DecisionPoint, counted
from iam.http.json_endpoint import JsonEndpoint, PostedJson
from iam.runtime import Runtime


def routes(runtime: Runtime, *, point: DecisionPoint) -> list[Route]:
    """`POST /v1/decisions`: a batch of questions, answered in order, all or none."""
    maximum = runtime.settings.limits.decisions
    limits = runtime.settings.policies.limits()
    answer: Decide = point.answer
    if runtime.metrics is not None:
        answer = counted(answer, runtime.metrics.decisions)

    async def decisions(posted: PostedJson) -> bytes:
        asker = await point.asker(
            posted.token,
            request_id=posted.request_id,
            address=posted.address,
            is_secure=posted.is_secure,
        )
        questions = parse_evaluations(posted.body, maximum=maximum, limits=limits)
        answers: list[Answer] = []
        for question in questions:
            if answers:  # a long batch lets the requests of others through in between (MT-13)
                await asyncio.sleep(0)
            answers.append(await answer(asker, question))
        return orjson.dumps({"decisions": [answer_out(answer) for answer in answers]})

    return [Route("/v1/decisions", JsonEndpoint(decisions))]
