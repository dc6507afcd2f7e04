"""DOOR: what the installation does by itself. The one list of jobs.

On SQLite `iam serve` runs it beside the requests; on PostgreSQL it is `iam worker`, in any number:
each job has a lease, and whoever gets it runs what is due.

* `loop.py`: looks for what is due.
* `runner.py`: runs one job under its lease, and writes down how it went.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import structlog

from iam.features.audit_log import jobs as audit_log
from iam.features.backup import jobs as backup
from iam.features.deliveries import jobs as deliveries
from iam.features.health import jobs as health
from iam.features.installation import jobs as installation
from iam.features.job_runs import jobs as job_runs
from iam.features.mail import jobs as mail
from iam.features.master_key import jobs as master_key
from iam.features.signing_keys import jobs as signing_keys
from iam.features.tokens import jobs as tokens
from iam.features.webhooks import jobs as webhooks
from iam.features.why import jobs as why
from iam.jobs import Job
from iam.runtime import Runtime
from iam.worker.loop import keep_schedule

_log = structlog.get_logger(__name__)

JOBS: Final[tuple[Job, ...]] = (
    *audit_log.JOBS,
    *backup.JOBS,
    *deliveries.JOBS,
    *installation.JOBS,
    *job_runs.JOBS,
    *mail.JOBS,
    *master_key.JOBS,
    *signing_keys.JOBS,
    *tokens.JOBS,
    *why.JOBS,
)
"""Every job of the installation."""

Forever = Callable[[Runtime], Awaitable[None]]


async def deliver(runtime: Runtime) -> None:
    """Send what is to leave this service, until cancelled."""
    await deliveries.Pump(runtime, [webhooks.carrier(runtime), mail.carrier(runtime)]).run()


PUMPS: Final[tuple[Forever, ...]] = (deliver, audit_log.keep_sealed, health.push)
"""What goes on all the time instead of by a schedule: each runs until it is cancelled."""


async def keep_house(runtime: Runtime, jobs: Sequence[Job] = JOBS) -> None:
    """Do everything that nobody asks for, until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_again_and_again(partial(keep_schedule, jobs=jobs), runtime))
        for pump in PUMPS:
            group.create_task(_again_and_again(pump, runtime))


async def _again_and_again(forever: Forever, runtime: Runtime) -> None:
    """One that breaks begins anew, and must not end the others."""
    while True:
        try:
            await forever(runtime)
        except Exception:  # noqa: BLE001 -- whatever it is, the house must be kept
            _log.exception("housekeeping_broke")
        await asyncio.sleep(runtime.settings.jobs.poll.total_seconds())
