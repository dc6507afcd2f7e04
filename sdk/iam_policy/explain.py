"""Why a decision came out as it did: what every statement had to say, for whoever asks.

Nothing here runs when a decision is made, and what walks every statement does so only when it is
read. How an outcome is told, in full or to the caller, is in `iam_policy.telling`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from iam_policy.decision import Decision, Layer, Match
from iam_policy.evaluate import binding, evaluate
from iam_policy.layers import Layers
from iam_policy.request import Context, Request, folded
from iam_policy.traces import Asked, Trace
from iam_policy.variables import Env


@dataclass(frozen=True)
class Explanation:
    """A decision with the verdict on each statement, each found when it is read.

    Attributes:
        request: What was asked.
        layers: The layers that bind the caller.
        decision: The answer.
    """

    request: Request
    layers: Layers
    decision: Decision

    @cached_property
    def traces(self) -> tuple[Trace, ...]:
        """Every statement, in the order of evaluation."""
        return tuple(self.traces_of(*Layer))

    def traces_of(self, *wanted: Layer) -> Iterator[Trace]:
        """Yield the statements of some layers, in the order of evaluation."""
        layers, action = self.layers, self.request.action.lower()
        asked = Asked(self.request, _readable(self.request), layers.boundary is not None)
        previous, level = None, 0
        for layer, policies in layers.stack():
            level = level + 1 if layer is previous else 0
            previous = layer
            if layer in wanted:
                matching = policies.places(action)
                for place, entry in enumerate(policies.entries):
                    yield Trace(entry, layer, level, asked, place in matching)

    @property
    def granted_by(self) -> tuple[Match, ...]:
        """The Allow statements that spoke for the caller, whatever stood against it."""
        return tuple(
            trace.match
            for trace in self.traces_of(Layer.IDENTITY, Layer.RESOURCE)
            if trace.statement.effect == "Allow" and trace.applies
        )

    @property
    def missing_keys(self) -> tuple[str, ...]:
        """The condition keys, in lower case, that statements on the action ask for in vain."""
        missing: set[str] = set()
        for trace in self.traces:
            if trace.action:
                asked = {clause.key.lower() for clause, _ in trace.statement.clauses}
                asked.update(trace.variables)
                asked.update(*(verdict.variables for verdict in trace.clauses))
                missing.update(key for key in asked if trace.asked.env.get(key) is None)
        return tuple(sorted(missing))


def explain(request: Request, layers: Layers) -> Explanation:
    """Decide, and be ready to tell which elements of every statement matched.

    Never raises: an element that makes the decision fail counts as not matched.
    """
    return Explanation(request, binding(request.principal, layers), evaluate(request, layers))


def _readable(request: Request) -> Env:
    """Return the context with folded keys, or none where that makes the decision fail."""
    try:
        return folded(request.context) or Context()
    except Exception:  # noqa: BLE001 -- a finding of the decision
        return Context()
