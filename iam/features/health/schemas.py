"""Wire shapes: the metrics as Prometheus' text and as InfluxDB's lines, and the checks as JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from iam.features.health.rules import Check, is_ready
from iam.kit.line_protocol import line
from iam.kit.metrics import BOUNDS, Exchanges, Family, Metrics

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_CLASSES: Final = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")
_ENDS: Final = (*map(str, BOUNDS), "+Inf")


def exposition(families: Sequence[Family], metrics: Metrics | None) -> bytes:
    """The process' own metrics, such as memory and open files, and then ours."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(families, metrics))
    return generate_latest(REGISTRY) + generate_latest(registry)


def lines(
    families: Sequence[Family],
    metrics: Metrics | None,
    *,
    tags: Mapping[str, str],
    nanoseconds: int,
) -> Iterator[str]:
    """The same, one line a sample: the measurement is the sample's name, its field `value`."""
    for metric in (*REGISTRY.collect(), *_Ours(families, metrics).collect()):
        for sample in metric.samples:
            found = line(sample.name, {**tags, **sample.labels}, sample.value, nanoseconds)
            if found is not None:
                yield found


def health_out(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks, for administrators."""
    return {
        "ready": is_ready(checks),
        "checks": [
            {
                "name": check.name,
                "status": check.grade.value,
                **({} if check.reason is None else {"reason": check.reason}),
                **({} if check.value is None else {"value": round(check.value, 3)}),
            }
            for check in checks
        ],
    }


class _Ours(Collector):
    def __init__(self, families: Sequence[Family], metrics: Metrics | None) -> None:
        self._families = families
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Every metric of ours."""
        yield from map(_metric, self._families)
        if self._metrics is not None:
            yield from _exchanges(self._metrics.exchanges)
            for tally in self._metrics.tallies:
                yield _metric(tally.read())


def _metric(family: Family) -> Metric:
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(family.name, family.help, labels=family.labels)
    for values, value in family.samples:
        metric.add_metric(values, value)
    return metric


def _exchanges(found: Mapping[tuple[str, str], Exchanges]) -> Iterable[Metric]:
    labels = ("method", "route")
    requests = CounterMetricFamily(
        "iam_http_requests_total",
        "Requests, by method, route and class of the status of the answer.",
        labels=(*labels, "status"),
    )
    seconds = HistogramMetricFamily(
        "iam_http_request_duration_seconds",
        "From the first line of a request to the last byte of the answer.",
        labels=labels,
    )
    for route, exchanges in found.items():
        for name, count in zip(_CLASSES, exchanges.classes, strict=True):
            if count or name == "2xx":
                requests.add_metric((*route, name), count)
        seconds.add_metric(route, _summed(exchanges.buckets), exchanges.seconds)
    return (requests, seconds)


def _summed(buckets: Sequence[int]) -> list[tuple[str, float]]:
    total = 0
    summed: list[tuple[str, float]] = []
    for end, count in zip(_ENDS, buckets, strict=True):
        total += count
        summed.append((end, total))
    return summed
