"""The nearest miss: the Allow that was closest to applying, and what kept it from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from iam_policy.decision import Effect, Layer, Match
from iam_policy.explain import Explanation
from iam_policy.traces import Trace


@dataclass(frozen=True, slots=True)
class Miss:
    """An Allow of the layer that stood in the way, which nearly applied.

    Attributes:
        trace: Which statement, and the verdict on each of its elements.
        failed: What kept it from applying: ``action``, ``resource``, ``principal``, or conditions
            as ``StringEquals aws:username``. Seldom more than one.
    """

    trace: Trace
    failed: tuple[str, ...]

    @property
    def match(self) -> Match:
        """Which statement."""
        return self.trace.match


def nearest_miss(explanation: Explanation) -> Miss | None:
    """Find the Allow that fewest failed elements kept from applying, after an implicit deny.

    It is looked for in the layer that blocked, and among guardrails in the level that did. Of
    several, it is one that fails on conditions alone, then on the resource, then on the principal,
    then on the action; then one whose patterns share the longest beginning with what was asked;
    then the first by label and place, so that the order of documents does not matter. A statement
    on another action and another resource is no miss.
    """
    decision = explanation.decision
    if decision.effect is not Effect.IMPLICIT_DENY or decision.blocked_by is None:
        return None
    action, resource = explanation.request.action.lower(), explanation.request.resource
    candidates = _blocking(explanation, decision.blocked_by)
    acting = [trace for trace in candidates if trace.action]
    nearest = _nearest(acting, action, resource)
    # A statement on another action fails there at least, so it cannot beat one failure elsewhere.
    if nearest is None or len(nearest.failed) > 1:
        others = [trace for trace in candidates if not trace.action and trace.resource]
        nearest = _nearest([*acting, *others], action, resource)
    return None if nearest is None else Miss(nearest, nearest.failed)


def _nearest(candidates: Sequence[Trace], action: str, resource: str) -> Trace | None:
    return min(candidates, key=lambda one: _distance(one, action, resource), default=None)


def _blocking(explanation: Explanation, layer: Layer) -> list[Trace]:
    """Return the Allow statements of the layer; of guardrails, of the first level without one."""
    found = [one for one in explanation.traces_of(layer) if one.statement.effect == "Allow"]
    allowed = {one.level for one in found if one.action and one.applies}
    # A level without any policy blocks as well, and has no traces.
    stopping = next(level for level in count() if level not in allowed)
    return [one for one in found if one.level == stopping]


def _distance(trace: Trace, action: str, resource: str) -> tuple[int | str, ...]:
    statement = trace.statement
    named = [pattern.text for pattern in statement.actions]
    reached = [pattern.text for pattern in statement.resources]
    return (
        len(trace.failed),
        not trace.action,
        not trace.principal,
        not trace.resource,
        0 if trace.resource else -_shared(reached, resource),
        0 if trace.action else -_shared(named, action),
        trace.match.policy,
        trace.match.statement,
    )


def _shared(patterns: Sequence[str], text: str) -> int:
    """Return how many characters of the text the closest pattern begins with."""
    return max((_common(pattern, text) for pattern in patterns), default=0)


def _common(one: str, other: str) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))
