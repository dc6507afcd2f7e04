"""Asks the engine whether the caller may, and refuses with a decision id if not."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import structlog

from iam.authz.actions import Action
from iam.authz.context import both_prefixes, principal_context
from iam.authz.facts import PrincipalFacts, decide
from iam.authz.gather import gather
from iam.authz.read_surroundings import read_resources, read_surroundings
from iam.authz.rescue import is_rescuer
from iam.authz.surroundings import Surroundings, owning_account
from iam.errors import denied, unauthenticated
from iam.journal.denials import Denial
from iam.kit.ids import IdKind, new_id
from iam.kit.log_context import note_decision
from iam.models import MAIN_ACCOUNT
from iam.work import Asked, UnitOfWork
from iam_policy import Decision, Effect, Layers, Principal, Request, evaluate

_log = structlog.get_logger(__name__)


async def authorize(
    uow: UnitOfWork,
    action: Action,
    resource: str,
    *,
    context: Mapping[str, Any] | None = None,
    told_as: str | None = None,
) -> None:
    """Return if the caller may do `action` on the ARN `resource`.

    `context` adds condition keys of the operation, such as `iam:PolicyARN`. `told_as` is what the
    refusal calls the resource, where the caller named it otherwise and shall not learn its ARN.

    A unit of work has one decision id, however many questions it takes: it is allowed when each of
    them is. So the audit entry of a change names the whole of what allowed it.

    Raises `IamError` of kind `denied`, with the decision id that the log and the audit log carry
    too.
    """
    if uow.caller.kind == "anonymous":
        raise unauthenticated("authentication_required", "present a bearer token")
    if uow.caller.kind != "root":  # nobody can take its rights away
        await uow.hold_account(uow.caller.account)
    decision = await _decide(uow, action, resource, context or {})
    decision_id = uow.decision_id or new_id(IdKind.DECISION, uow.now)
    uow.authorized.append(Asked(action, resource, context or {}))
    uow.decision_id = decision_id
    note_decision(decision_id)
    if decision.allowed:
        return
    _record(uow, action, resource, decision, decision_id, context or {})
    message = f"`{uow.caller.arn}` is not allowed to perform `{action}` on `{told_as or resource}`"
    raise denied("access_denied", message, decision_id=decision_id)


async def authorize_all(uow: UnitOfWork, questions: Sequence[Asked]) -> None:
    """The same for many questions at once, for little more than one: every one must be allowed.

    Raises `IamError` of kind `denied` about the first that is not.
    """
    if uow.caller.kind == "root":
        for asked in questions:
            await authorize(uow, Action(asked.action), asked.resource, context=asked.context)
        return
    facts = await caller_facts(uow)
    arounds = await _arounds(uow, {asked.resource for asked in questions})
    for asked in questions:
        action, resource, context = asked
        is_allowed = False
        if facts is not None and facts.is_active:
            keys = {**principal_context(facts, now=uow.now), **_request_context(uow), **context}
            is_allowed = decide(
                facts, action=action, resource=resource, context=keys, around=arounds[resource]
            ).allowed
        if not is_allowed:  # the same question once more, and alone: it is refused and recorded
            await authorize(uow, Action(action), resource, context=context)
        uow.authorized.append(asked)


async def may(
    uow: UnitOfWork, action: Action, resource: str, *, context: Mapping[str, Any] | None = None
) -> bool:
    """Whether the caller may do `action` on the ARN `resource`, for who has another answer ready.

    Unlike `authorize`, a no is no refusal, and leaves no record.
    """
    uow.authorized.append(Asked(action, resource, context or {}))
    return (await _decide(uow, action, resource, context or {})).allowed


async def _decide(
    uow: UnitOfWork, action: Action, resource: str, context: Mapping[str, Any]
) -> Decision:
    if uow.caller.kind == "root":
        return await _decide_root(uow, action, resource, context)
    facts = await caller_facts(uow)
    if facts is None or not facts.is_active:
        return Decision(Effect.IMPLICIT_DENY)
    around = await _around(uow, action, resource)
    keys = {**principal_context(facts, now=uow.now), **_request_context(uow), **context}
    decision = decide(facts, action=action, resource=resource, context=keys, around=around)
    if not decision.allowed and await is_rescuer(uow):
        return await _decide_root(uow, action, resource, context)
    return decision


async def _decide_root(
    uow: UnitOfWork, action: Action, resource: str, context: Mapping[str, Any]
) -> Decision:
    """Guardrails bind every root but that of `main`: somebody must be able to lift them."""
    caller = uow.caller
    arn = uow.arn_of("iam", caller.account, "root")  # a job has a name of its own
    root = Principal(arn=arn, account=caller.account, id=caller.id)
    layers = Layers()
    if caller.account != MAIN_ACCOUNT:
        around = await _around(uow, action, resource)
        layers = Layers(scps=around.scps, rcps=around.rcps)
    owner = owning_account(resource, caller.account)
    return evaluate(Request(root, action, resource, dict(context), owner), layers)


_AT_ONCE: Final = 200
"""Resources in one query."""


async def _arounds(uow: UnitOfWork, resources: AbstractSet[str]) -> dict[str, Surroundings]:
    found: dict[str, Surroundings] = {}
    left = sorted(resources)
    for start in range(0, len(left), _AT_ONCE):
        some = left[start : start + _AT_ONCE]
        found |= await read_resources(
            uow, uow.caller.account, resources=some, partition=uow.settings.partition
        )
    return found


async def _around(uow: UnitOfWork, action: Action, resource: str) -> Surroundings:
    return await read_surroundings(
        uow,
        uow.caller.account,
        action=action,
        resource=resource,
        partition=uow.settings.partition,
    )


async def caller_facts(uow: UnitOfWork) -> PrincipalFacts | None:
    """The caller's facts as this transaction sees them.

    A unit of work of many steps asks at each of them. Who changes something holds the account, so
    only its own steps can change the facts: they are read again after one that touched what they
    depend on.
    """
    told = uow.journalled
    if told.callers_facts is not None and uow.is_between_steps:
        known, seen = told.callers_facts
        if known.depends_on.isdisjoint(told.entities[seen:]):
            return known  # type: ignore[no-any-return]  # units of work know no facts
    facts = await gather(uow, uow.caller.id, partition=uow.settings.partition)
    is_first_step = not told.events
    if facts is not None and not is_first_step and uow.is_between_steps:
        told.callers_facts = facts, len(told.entities)
    return facts


def _request_context(uow: UnitOfWork) -> dict[str, Any]:
    caller = uow.caller
    values: dict[str, Any] = {"SecureTransport": caller.is_secure}
    if caller.address is not None:
        values["SourceIp"] = caller.address
    if caller.token_issued_at is not None:
        values["TokenIssueTime"] = caller.token_issued_at.isoformat().replace("+00:00", "Z")
    return both_prefixes(values)


def _record(
    uow: UnitOfWork,
    action: Action,
    resource: str,
    decision: Decision,
    decision_id: str,
    context: Mapping[str, Any],
) -> None:
    caller = uow.caller
    uow.tools.denials.record(
        Denial(
            account=caller.account,
            actor=caller.arn,
            actor_id=caller.id,
            action=action,
            resource=resource,
            reason=decision.effect,
            decision_id=decision_id,
            request_id=caller.request_id,
            address=caller.address,
            at=uow.now,
            context={**_request_context(uow), **context},
        )
    )
    _log.info(
        "access_denied",
        decision_id=decision_id,
        principal=caller.arn,
        action=action.value,
        resource=resource,
        decision=decision.effect.value,
    )
