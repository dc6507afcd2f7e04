"""Use case of why: what a decision was made from, now or then, and what made it come out so."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import may
from iam.authz.condition_keys import both_prefixes
from iam.authz.context import check_callers_context, principal_context
from iam.authz.surroundings import is_assuming, owning_account
from iam.errors import IamError, invalid, not_found
from iam.features.access.rules import check_question
from iam.features.access.service import authorized_reference
from iam.features.principals.queries import find_referenced
from iam.features.principals.rules import parse_reference
from iam.features.principals.service import target_context
from iam.features.why import queries, rules
from iam.features.why.queries import History
from iam.features.why.rules import State
from iam.journal.history import PastChange, refusal_of, was_allowed
from iam.models import Principal
from iam.work import UnitOfWork
from iam_policy import Context, Explanation, Request, explain
from iam_policy import Principal as Caller

MAX_WALKED: Final = 500
"""Changes that are undone one by one in search of the one that made the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked why.

    Attributes:
        principal_id: Whom it is about.
        principal: Its ARN.
        action: What.
        resource: On what.
        context: Condition keys, without those that follow from principal and time.
        at: When; `None` is now.
        decision_id: The decision that was asked about.
        session: The session that the decision was about, if it was.
        notes: What is not known of it any more.
    """

    principal_id: str
    principal: str
    action: str
    resource: str
    context: Mapping[str, Any]
    at: datetime | None = None
    decision_id: str | None = None
    session: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer.

    Attributes:
        asked: The question.
        at: The instant that it is answered for.
        is_full: Whether the one who asks may see everything.
        explanation: What was decided, and what every statement had to say.
        allowed_now: Whether it is allowed today; `None` if it was asked for today.
        last_change: The change that made it come out so, if one did and is known.
        notes: What is not known.
    """

    asked: Asked
    at: datetime
    is_full: bool
    explanation: Explanation
    allowed_now: bool | None
    last_change: PastChange | None
    notes: Sequence[str]


async def explain_decision(uow: UnitOfWork, *, decision_id: str) -> Why:
    """Why a decision said no.

    Raises `not_found` for one that is not kept, or was allowed, or is none of the caller's
    business: which of them is told to nobody else.
    """
    asked = await _denied(uow, decision_id) or await _refused(uow, decision_id)
    if asked is None:
        is_known = await was_allowed(uow, uow.caller.account, decision_id)
        whose = uow.arn_of("iam", uow.caller.account, "*")
        if await may(uow, Action.SIMULATE_PRINCIPAL_POLICY, whose) and is_known:
            raise _gone(decision_id, "it was allowed, and is named by a change in the audit log")
        raise _gone(decision_id)
    row = await _principal(uow, asked)
    context = {} if row is None else await target_context(uow, row)
    action = Action.SIMULATE_PRINCIPAL_POLICY
    is_full = await may(uow, action, asked.principal, context=context)
    if not is_full and asked.principal_id != uow.caller.id:
        raise _gone(decision_id)
    return await _answer(uow, asked, is_full=is_full)


async def explain_question(
    uow: UnitOfWork,
    *,
    principal: str,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    at: datetime | None,
) -> Why:
    """Why somebody may or may not, now or at an instant.

    Raises `denied`, `not_found` or `invalid`.
    """
    row = await _own_or_authorized(uow, principal)
    check_question(action, resource, account=uow.caller.account)
    check_callers_context(context)
    if at is not None and at > uow.now:
        raise invalid("at_in_the_future", "expected an instant that has passed")
    simulate = Action.SIMULATE_PRINCIPAL_POLICY
    is_full = await may(uow, simulate, uow.arn(row), context=await target_context(uow, row))
    asked = Asked(
        principal_id=row.id,
        principal=uow.arn(row),
        action=action,
        resource=resource,
        context=context,
        at=at,
    )
    return await _answer(uow, asked, is_full=is_full)


async def _own_or_authorized(uow: UnitOfWork, reference: str) -> Principal:
    """The principal, if the caller may simulate it or is it."""
    account, partition = uow.caller.account, uow.settings.partition
    named = parse_reference(reference, partition=partition, account=account)
    row = None if named is None else await find_referenced(uow, named)
    if row is not None and row.id == uow.caller.id:
        return row
    return await authorized_reference(uow, reference, Action.SIMULATE_PRINCIPAL_POLICY)


async def _answer(uow: UnitOfWork, asked: Asked, *, is_full: bool) -> Why:
    account = uow.caller.account
    partition = uow.settings.partition
    role_id = None
    if is_assuming(asked.action):
        named = parse_reference(asked.resource, partition=partition, account=account)
        role = None if named is None else await find_referenced(uow, named)
        role_id = None if role is None else role.id
    history = await queries.read_history(
        uow,
        account=account,
        principal_id=asked.principal_id,
        resource=asked.resource,
        role_id=role_id,
    )
    at = asked.at or uow.now
    telling = _Telling(asked, account, partition, role_id, at)
    now = telling.explain(history.state)
    older = _go_back(history, at)
    found = telling.explain(history.state)
    if found is None:
        raise not_found("not_found", f"there was no `{asked.principal}` at that time")
    change, note = await _last_change(history, older, telling, allowed=found.decision.allowed)
    return Why(
        asked=asked,
        at=at,
        is_full=is_full,
        explanation=found,
        allowed_now=None if asked.at is None else now is not None and now.decision.allowed,
        last_change=change,
        notes=(*asked.notes, *note),
    )


@dataclass(slots=True)
class _Telling:
    """The question, put to one state after another."""

    asked: Asked
    account: str
    partition: str
    role_id: str | None
    at: datetime

    def explain(self, state: State) -> Explanation | None:
        """What is decided in this state; `None` where the principal is not there."""
        asked = self.asked
        found = rules.holder_of(state, asked.principal_id, partition=self.partition)
        if found is None:
            return None
        facts = found.facts
        around = rules.around(
            state,
            self.account,
            asked.resource,
            partition=self.partition,
            role_id=self.role_id,
            assumes=is_assuming(asked.action),
        )
        who = facts.principal
        if asked.session is not None:
            who = Caller(asked.session, facts.account, facts.id, role_arn=facts.arn)
        context = Context(asked.context).over(principal_context(facts, now=self.at))
        owner = owning_account(asked.resource, facts.account)
        request = Request(who, asked.action, asked.resource, context, owner)
        return explain(request, facts.within(around))


def _go_back(history: History, at: datetime) -> list[PastChange]:
    """Undo what happened after this instant; returns the changes before it, newest first."""
    if history.known_since is not None and at < history.known_since:
        known = history.known_since.isoformat().replace("+00:00", "Z")
        message = f"too much has changed since: the past is known from {known} on"
        raise invalid("history_too_long", message)
    later = [change for change in history.changes if change.at > at]
    for change in later:
        history.state.undo(change)
    return history.changes[len(later) :]


async def _last_change(
    history: History, older: Sequence[PastChange], telling: _Telling, *, allowed: bool
) -> tuple[PastChange | None, tuple[str, ...]]:
    """The newest change without which it would have come out otherwise, and what is not known."""
    for number, change in enumerate(older[:MAX_WALKED]):
        if history.known_since is not None and change.at < history.known_since:
            break
        if number % 20 == 0:
            await asyncio.sleep(0)
        history.state.undo(change)
        found = telling.explain(history.state)
        if (found is not None and found.decision.allowed) is not allowed:
            return change, ()
    else:
        if len(older) <= MAX_WALKED and history.known_since is None:
            return None, ()
    note = "too much has changed to say which change it follows from: the newest were looked at"
    return None, (note,)


async def _denied(uow: UnitOfWork, decision_id: str) -> Asked | None:
    """The question that `POST /v1/decisions` answered with this decision."""
    row = await queries.find_denied(uow, decision_id)
    if row is None:
        return None
    notes = [] if row.context is not None else ["its condition keys were too many to be kept"]
    if row.session is not None:
        notes.append("the session policy, if there was one, is not kept")
    return Asked(
        principal_id=row.principal_id,
        principal=row.principal,
        action=row.action,
        resource=row.resource,
        context=row.context or {},
        at=row.first_at if row.first_decision_id == decision_id else row.last_at,
        decision_id=decision_id,
        session=row.session,
        notes=tuple(notes),
    )


async def _refused(uow: UnitOfWork, decision_id: str) -> Asked | None:
    """What was refused to a caller of this API with this decision."""
    found = await refusal_of(uow, uow.caller.account, decision_id)
    if found is None:
        return None
    prefixed = {key[4:]: value for key, value in found.context.items() if key[:4] == "iam:"}
    return Asked(
        principal_id=found.actor_id,
        principal=found.actor,
        action=found.action,
        resource=found.resource,
        context={**found.context, **both_prefixes(prefixed)},
        at=found.at,
        decision_id=decision_id,
    )


async def _principal(uow: UnitOfWork, asked: Asked) -> Principal | None:
    named = parse_reference(
        asked.principal_id, partition=uow.settings.partition, account=uow.caller.account
    )
    return None if named is None else await find_referenced(uow, named)


def _gone(decision_id: str, why: str = "") -> IamError:
    reason = why or (
        "it was allowed, is older than seven days, or neither the first nor the latest of one "
        "question"
    )
    message = f"`{decision_id[:64]}` is not kept: {reason}; ask with principal, action and resource"
    return not_found("decision_not_kept", message)
