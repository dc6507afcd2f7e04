"""What a process counts about itself while it serves: plain integers, read when somebody asks.

One event loop counts, so there are no locks; a request builds no labels and looks nothing up but
its own counters. Every label has few values, all of them words of the code: none names a principal,
an account's thing or anything else that a request brings.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

BOUNDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds of the buckets of durations, in seconds; one more bucket takes what is longer."""
OTHER: Final = "other"
"""Stands for every value that is not among those that a label may have."""


class Tally:
    """A counter by the values of a few labels.

    Args:
        name: The metric's, as Prometheus has it: ending in `_total`.
        help: One sentence.
        labels: The names of the labels.
        known: Combinations that are told of from the beginning, as zero.
    """

    __slots__ = ("counts", "help", "labels", "name")

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002 -- Prometheus' own word
        labels: Sequence[str] = (),
        known: Iterable[tuple[str, ...]] = (),
    ) -> None:
        self.name, self.help, self.labels = name, help, tuple(labels)
        self.counts: dict[tuple[str, ...], int] = dict.fromkeys(known, 0)

    def add(self, *values: str, count: int = 1) -> None:
        """Count; the values are in the order of the labels, and few."""
        self.counts[values] = self.counts.get(values, 0) + count


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


class Metrics:
    """All that one process counts.

    Attributes:
        exchanges: By method and route template.
        tallies: Every other counter; whoever has one of its own puts it here.
    """

    def __init__(self) -> None:
        self.exchanges: dict[tuple[str, str], Exchanges] = {}
        self.refusals = Tally(
            "iam_refusals_total",
            "Requests that were refused, by the kind of the refusal.",
            ("kind",),
        )
        self.tokens = Tally(
            "iam_tokens_total",
            "Requests for a token, by grant and outcome: issued, or the error of OAuth.",
            ("grant", "outcome"),
        )
        self.decisions = Tally(
            "iam_decisions_total",
            "Decisions, by outcome: the effect, or unknown where nobody could be decided about.",
            ("outcome",),
            [("allowed",), ("explicitDeny",), ("implicitDeny",), ("unknown",)],
        )
        self.introspections = Tally(
            "iam_introspections_total",
            "Introspections, by outcome.",
            ("outcome",),
            [("active",), ("inactive",), ("refused",)],
        )
        self.attempts = Tally(
            "iam_delivery_attempts_total",
            "Attempts of this process to deliver an event, by kind of channel and outcome.",
            ("kind", "outcome"),
        )
        self.pushes = Tally(
            "iam_metrics_pushes_total",
            "Attempts of this process to push its metrics, by outcome.",
            ("outcome",),
        )
        self.tallies: Final[list[Tally]] = [
            self.refusals,
            self.tokens,
            self.decisions,
            self.introspections,
            self.attempts,
            self.pushes,
        ]

    def of(self, method: str, route: str) -> Exchanges:
        """The answers of a route to a method; both are words of the code."""
        found = self.exchanges.get((method, route))
        if found is None:
            found = self.exchanges[method, route] = Exchanges()
        return found
