"""A benchmark and its floor: runs that alternate, so that noise on the machine hits both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.load import Run, Target, put_load, warm_up

RUNS: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was measured.
        measured: Figures by their names, for the table and the JSON.
        bar: What is promised, as text.
        is_met: Whether it was held; `None` where nothing is promised.
        details: Every single run, for the JSON.
    """

    name: str
    measured: dict[str, str]
    bar: str = ""
    is_met: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)


def compare(
    name: str,
    *,
    floor: Target,
    bench: Target,
    requests: Path,
    floor_requests: Path | None = None,
    bar: float | None = None,
) -> Row:
    """Put load on both in turn, five times; the ratio is the median of the five.

    Both get the same requests, unless the floor takes others.
    """
    of_floor = floor_requests or requests
    warm_up(floor, of_floor)
    warm_up(bench, requests)
    pairs = [(put_load(floor, of_floor), put_load(bench, requests)) for _ in range(RUNS)]
    floors, benches = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratio = median(bench.rate / floor.rate for floor, bench in pairs)
    measured = {
        "ratio": f"{ratio:.2f}",
        "per second": f"{_median(benches, lambda run: run.rate):.0f}",
        "floor": f"{_median(floors, lambda run: run.rate):.0f}",
        "p50 ms": f"{_median(benches, lambda run: run.p50_ms):.1f}",
        "p99 ms": f"{_median(benches, lambda run: run.p99_ms):.1f}",
        "floor p99": f"{_median(floors, lambda run: run.p99_ms):.1f}",
        "CPU us": f"{_median(benches, lambda run: run.cpu_us):.0f}",
        "floor CPU": f"{_median(floors, lambda run: run.cpu_us):.0f}",
    }
    return Row(
        name,
        measured,
        bar=f">= {bar:.2f}" if bar else "",
        is_met=ratio >= bar if bar else None,
        details={"floor": floors, "bench": benches, "ratio": ratio},
    )


def _median(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    return median(figure(run) for run in runs)
