"""Wire shape of the metrics: Prometheus' text format."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from iam.features.credentials.rules import HORIZONS
from iam.features.health.rules import Readings

_LABELS: Final = ("account", "kind")
_DAY: Final = 24 * 60 * 60

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


def exposition(readings: Readings) -> bytes:
    """The process' own metrics, such as memory and open files, and then ours."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(readings))
    return generate_latest(REGISTRY) + generate_latest(registry)


class _Ours(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """Every metric of ours."""
        yield GaugeMetricFamily(
            "iam_change_log_staleness_seconds",
            "Seconds since this replica last read the change log; above 5 it trusts no snapshot.",
            value=self._readings.staleness,
        )
        yield from _credentials(self._readings)


def _credentials(readings: Readings) -> Iterable[Metric]:
    """No label names a credential: the alert says that one expires, the list says which."""
    soonest = GaugeMetricFamily(
        "iam_credential_expires_seconds",
        "Seconds until the first of the live credentials of this kind expires.",
        labels=_LABELS,
    )
    live = GaugeMetricFamily("iam_credentials_live", "Live credentials.", labels=_LABELS)
    expiring = GaugeMetricFamily(
        "iam_credentials_expiring",
        "Live credentials that expire within so many days.",
        labels=(*_LABELS, "days"),
    )
    for report in readings.expiries:
        labels = (report.account, report.kind)
        live.add_metric(labels, report.live)
        if report.earliest is not None:
            soonest.add_metric(labels, (report.earliest - readings.now).total_seconds())
        for horizon, count in zip(HORIZONS, report.within, strict=True):
            days = str(int(horizon.total_seconds()) // _DAY)
            expiring.add_metric((*labels, days), count)
    return (soonest, live, expiring)
