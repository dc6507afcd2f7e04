"""Reasons: one sentence for people, or the verdict on every statement for whoever debugs.

Nothing here runs when a decision is made; the full account walks every statement of every layer.
"""

from dataclasses import dataclass

from iam_policy.compile import CompiledStatement
from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.evaluate import Layers, evaluate, policy_stack
from iam_policy.request import Request
from iam_policy.variables import ContextError, Env

_BLOCKED = {
    Layer.SCP: "no guardrail for principals allows it at every level",
    Layer.RCP: "no guardrail for resources allows it at every level",
    Layer.RESOURCE: "the resource's policy does not allow it to this caller",
    Layer.IDENTITY: "no policy of the caller allows it",
    Layer.BOUNDARY: "the permissions boundary does not allow it",
    Layer.SESSION: "the session policy does not allow it",
}


@dataclass(frozen=True, slots=True)
class Trace:
    """What one statement had to say.

    Attributes:
        match: Which statement.
        applies: Whether it applies to the request.
        failed_on: If not, the first element that did not match: ``action``, ``resource``,
            ``principal``, or a condition as ``StringEquals aws:username``.
    """

    match: Match
    applies: bool
    failed_on: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the verdict on each statement, in the order of evaluation."""

    decision: Decision
    traces: tuple[Trace, ...]


def reason(decision: Decision) -> str:
    """Say in one sentence why a decision came out as it did."""
    if decision.findings:
        return f"denied, because the question could not be decided: {decision.findings[0]}"
    statements = ", ".join(map(_name, decision.matched))
    if decision.effect is Effect.ALLOWED:
        return f"allowed by {statements}" if statements else "allowed to the account itself"
    if decision.effect is Effect.EXPLICIT_DENY:
        return f"denied by {statements}"
    return f"denied, because {_BLOCKED[decision.blocked_by or Layer.IDENTITY]}"


def explain(request: Request, layers: Layers) -> Explanation:
    """Decide, and tell for every statement whether it applies, and if not, why."""
    decision = evaluate(request, layers)
    env = request.folded or {}
    bounded = layers.boundary is not None
    action = request.action.lower()
    traces = [
        _trace(
            Match(layer, label, statement.index, statement.sid, statement.effect),
            _failed_on(statement, action, request, env, bounded=bounded),
        )
        for layer, policies in policy_stack(request.principal, layers)[1]
        for label, statement in policies.statements()
    ]
    return Explanation(decision, tuple(traces))


def _trace(match: Match, failed_on: str | None) -> Trace:
    return Trace(match, failed_on is None, failed_on)


def _failed_on(
    statement: CompiledStatement, action: str, request: Request, env: Env, *, bounded: bool
) -> str | None:
    if not statement.matches_action(action):
        return "action"
    if not statement.matches_resource(request.resource, env):
        return "resource"
    if not statement.names(request.principal, bounded=bounded):
        return "principal"
    for name, condition in statement.conditions:
        try:
            if not condition(env):
                return name
        except ContextError:
            return name
    return None


def _name(match: Match) -> str:
    return f"{match.policy} statement {match.sid or match.statement}"
