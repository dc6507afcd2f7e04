"""All that is measured: of this process, from memory, and of the installation, from the database.

A feature that has something to tell of the installation has a function `measure(uow)`, which is
listed here. It sees all accounts.
"""

import platform
import shutil
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Final

from sqlalchemy.pool import AsyncAdaptedQueuePool

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.features.audit_log import service as audit_log
from iam.features.backup import queries as backup
from iam.features.credentials import service as credentials
from iam.features.deliveries import service as deliveries
from iam.features.health.service.clock_watch import ClockWatch
from iam.features.job_runs import service as job_runs
from iam.kit.loop_lag import LoopLag
from iam.kit.metrics import Family, gauge
from iam.kit.snapshot_cache import SnapshotCache
from iam.models import MAIN_ACCOUNT
from iam.work import Tools, UnitOfWork

Measure = Callable[[UnitOfWork], Awaitable[Sequence[Family]]]
MEASURED: Final[tuple[Measure, ...]] = (
    audit_log.measure,
    backup.measure,
    credentials.measure,
    deliveries.measure,
    job_runs.measure,
)
"""What the installation is asked for."""


async def read_all(uow: UnitOfWork) -> list[Family]:
    """What there is to measure of the installation, for who may know; judged in `main`.

    Raises `IamError` of kind `denied`.
    """
    await authorize(uow, Action.READ_METRICS, uow.arn_of("iam", MAIN_ACCOUNT, "installation"))
    return await measure_installation(uow)


async def measure_installation(uow: UnitOfWork) -> list[Family]:
    """What there is to measure over all accounts; whoever shows it has authorized it."""
    await uow.see_all_accounts()
    return [family for measure in MEASURED for family in await measure(uow)]


def measure_process(tools: Tools, lag: LoopLag, watch: ClockWatch | None) -> list[Family]:
    """What there is to measure of this process, without its counters; asks no database."""
    return [
        _build_info(),
        gauge(
            "iam_change_log_staleness_seconds",
            "Seconds since this replica last read the change log; above 5 it trusts no snapshot.",
            tools.changes.staleness,
        ),
        gauge(
            "iam_event_loop_lag_seconds",
            "By how much the event loop was late, the worst of the last ten seconds.",
            lag.worst,
        ),
        gauge(
            "iam_clock_skew_seconds",
            "By how much this replica's clock is ahead of the database's.",
            None if watch is None else watch.skew,
        ),
        gauge(
            "iam_disk_free_bytes",
            "What is free on the disk of the data directory.",
            _free(tools),
        ),
        *_pool(tools),
        *_snapshots(tools),
    ]


def _build_info() -> Family:
    labels = ("version", "python_version")
    values = (version("iam"), platform.python_version())
    return Family("iam_build_info", "What runs; the value is 1.", "gauge", labels, [(values, 1)])


def _free(tools: Tools) -> float | None:
    directory = tools.settings.data_dir
    return float(shutil.disk_usage(directory).free) if directory.exists() else None


def _pool(tools: Tools) -> list[Family]:
    pool = tools.database.engine.pool
    if not isinstance(pool, AsyncAdaptedQueuePool):
        return []
    return [
        gauge(
            "iam_database_connections_used",
            "Connections of the pool that are in use.",
            pool.checkedout(),
        ),
        gauge("iam_database_connections_max", "Connections that the pool may have.", pool.size()),
    ]


def _snapshots(tools: Tools) -> list[Family]:
    caches = {
        cache.name: cache
        for cache in tools.changes.subscribers
        if isinstance(cache, SnapshotCache) and cache.name
    }

    def family(name: str, text: str, value: Callable[[SnapshotCache[str, object]], int]) -> Family:
        samples = [((each,), float(value(cache))) for each, cache in sorted(caches.items())]
        kind: Final = "counter" if name.endswith("_total") else "gauge"
        return Family(name, text, kind, ("cache",), samples)

    return [
        family("iam_snapshot_items", "What is kept in memory.", len),
        family(
            "iam_snapshot_loads_total",
            "How often something was not there and was read from the database.",
            lambda cache: cache.loads,
        ),
        family(
            "iam_snapshot_drops_total",
            "How often something was dropped, because it changed or for want of room.",
            lambda cache: cache.drops,
        ),
    ]
