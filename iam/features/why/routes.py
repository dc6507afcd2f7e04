"""JSON API of why."""

from typing import Annotated, Any

from fastapi import Query

from iam.authz.actions import Action
from iam.authz.questions import MAX_ACTION, MAX_RESOURCE
from iam.errors import invalid
from iam.features.why import service
from iam.features.why.schemas import WhyOut
from iam.http.instants import Instant
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="access")

_MAX_KEYS = 100


@router.get("/why", action=Action.SIMULATE_PRINCIPAL_POLICY, operation_id="ExplainDecision")
async def why(
    work: Work,
    decision_id: Annotated[
        str | None, Query(max_length=64, description="of a denied decision; `dec_...`")
    ] = None,
    principal: Annotated[
        str | None, Query(max_length=700, description="ARN, id, or such as `user/alice`")
    ] = None,
    action: Annotated[str | None, Query(max_length=MAX_ACTION)] = None,
    resource: Annotated[str | None, Query(max_length=MAX_RESOURCE)] = None,
    context: Annotated[
        list[str] | None, Query(max_length=_MAX_KEYS, description="`KEY=VALUE`; may be repeated")
    ] = None,
    at: Instant | None = None,
) -> WhyOut:
    """Tell why something was decided so, and the last change that made it come out so.

    By a denied decision's id, or by principal, action and resource, now or at an instant.
    """
    if decision_id is not None and (principal, action, resource, context, at) == (None,) * 5:
        return WhyOut.of(await service.explain_decision(work.uow, decision_id=decision_id))
    if decision_id is not None or principal is None or action is None or resource is None:
        message = "expected `decision_id` alone, or `principal`, `action` and `resource`"
        raise invalid("question_incomplete", message)
    found = await service.explain_question(
        work.uow,
        principal=principal,
        action=action,
        resource=resource,
        context=_context(context or []),
        at=at,
    )
    return WhyOut.of(found)


def _context(given: list[str]) -> dict[str, Any]:
    """Condition keys; one that is repeated has several values."""
    found: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise invalid("context_invalid", "expected condition keys as KEY=VALUE")
        found.setdefault(key, []).append(value)
    if len({key.lower() for key in found}) != len(found):
        raise invalid("context_invalid", "two context keys differ only in case")
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}
