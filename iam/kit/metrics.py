"""What a process counts about itself while it serves: plain integers, read when somebody asks.

One event loop counts, so there are no locks; a request builds no labels and looks nothing up but
its own counters. Every label has few values, all of them words of the code: none names a principal,
an account's thing or anything else that a request brings.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

BOUNDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of durations, in seconds; one more bucket takes what is longer."""
OTHER: Final = "other"
"""Stands for every value that is not among those that a label may have."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric as it was read: what it is called and means, and its values.

    Attributes:
        name: As Prometheus has it: a unit at its end, and `_total` after that for a counter.
        help: One sentence.
        kind: `gauge` or `counter`.
        labels: The names of the labels.
        samples: The values of the labels, in that order, and the value.
    """

    name: str
    help: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float]]


def gauge(name: str, help: str, value: float | None) -> Family:  # noqa: A002 -- Prometheus' word
    """A gauge without labels; without samples, if there is nothing to tell."""
    return Family(name, help, "gauge", (), [] if value is None else [((), value)])


class Tally:
    """A counter by the values of a few labels.

    Args:
        name: The metric's, as Prometheus has it: ending in `_total`.
        help: One sentence.
        labels: The names of the labels.
    """

    __slots__ = ("counts", "help", "labels", "name")

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002 -- Prometheus' own word
        labels: tuple[str, ...] = (),
    ) -> None:
        self.name, self.help, self.labels = name, help, labels
        self.counts: dict[tuple[str, ...], int] = {}

    def know(self, combinations: Iterable[tuple[str, ...]]) -> None:
        """Tell of these from the beginning, as zero: a rate is seen from the first event on."""
        for values in combinations:
            self.counts.setdefault(values, 0)

    def add(self, *values: str, count: int = 1) -> None:
        """Count; the values are in the order of the labels, and few."""
        self.counts[values] = self.counts.get(values, 0) + count

    def read(self) -> Family:
        """As it is now."""
        return Family(self.name, self.help, "counter", self.labels, list(self.counts.items()))


class Exchanges:
    """The answers of one route to one method: how many of each status class, and how long.

    Attributes:
        classes: By the first digit of the status; 0 is for those who went away before an answer.
        buckets: By duration, one for each of `BOUNDS`, and one for what took longer; not summed up.
        seconds: All durations together.
    """

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * 6
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, status: int, seconds: float) -> None:
        """Count one."""
        self.classes[status // 100] += 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


_REFUSALS: Final = "Requests that were refused, by the kind of the refusal."
_TOKENS: Final = "Requests for a token, by grant and outcome: issued, or the error."
_DECISIONS: Final = "Decisions, by effect; unknown where nobody could be decided about."
_INTROSPECTIONS: Final = "Introspections, by outcome."
_ATTEMPTS: Final = "Attempts of this process to deliver an event, by kind of channel and outcome."
_PUSHES: Final = "Attempts of this process to push its metrics, by outcome."


class Metrics:
    """All that one process counts.

    Attributes:
        exchanges: By method and route template.
        tallies: Every other counter; whoever has one of its own puts it here.
    """

    def __init__(self) -> None:
        self.exchanges: dict[tuple[str, str], Exchanges] = {}
        self.tallies: list[Tally] = []
        self.refusals = self._tally("iam_refusals_total", _REFUSALS, ("kind",))
        self.tokens = self._tally("iam_tokens_total", _TOKENS, ("grant", "outcome"))
        self.decisions = self._tally("iam_decisions_total", _DECISIONS, ("outcome",))
        self.introspections = self._tally("iam_introspections_total", _INTROSPECTIONS, ("outcome",))
        self.attempts = self._tally("iam_delivery_attempts_total", _ATTEMPTS, ("kind", "outcome"))
        self.pushes = self._tally("iam_metrics_pushes_total", _PUSHES, ("outcome",))

    def _tally(self, name: str, text: str, labels: tuple[str, ...]) -> Tally:
        tally = Tally(name, text, labels)
        self.tallies.append(tally)
        return tally

    def of(self, method: str, route: str) -> Exchanges:
        """The answers of a route to a method; both are words of the code."""
        found = self.exchanges.get((method, route))
        if found is None:
            found = self.exchanges[method, route] = Exchanges()
        return found
