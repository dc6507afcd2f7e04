"""Use cases of health: probe, tell why, measure; and the watch over the clock."""

from iam.features.health.service.clock_watch import ClockWatch
from iam.features.health.service.probes import Probes
from iam.features.health.service.readings import measure_installation, measure_process, read_all

__all__ = ["ClockWatch", "Probes", "measure_installation", "measure_process", "read_all"]
