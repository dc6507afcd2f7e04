"""DOOR: housekeeping. What time alone brings, done again and again.

On SQLite `iam serve` runs it beside the requests; on PostgreSQL it is `iam worker`, in any number:
every job locks what it changes, so that one of them finds something to do and the others nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from iam.errors import IamError
from iam.features.installation import jobs as installation
from iam.features.signing_keys import jobs as signing_keys
from iam.features.tokens import jobs as tokens
from iam.features.why import jobs as why
from iam.runtime import Runtime

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so often.

    Attributes:
        name: What the log calls it.
        seconds: How long to wait after it is done.
        run: Does it once.
    """

    name: str
    seconds: float
    run: Callable[[Runtime], Awaitable[None]]


JOBS: Final = (
    Job("advance_signing_keys", 60, signing_keys.advance),
    Job("prune_tokens", 600, tokens.prune),
    Job("prune_journal", 600, installation.prune),
    Job("prune_denied_questions", 600, why.prune),
)


async def keep_house(runtime: Runtime, jobs: tuple[Job, ...] = JOBS) -> None:
    """Do every job when it is due, until cancelled. A job that fails is tried again next time."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(runtime, job), name=job.name)


async def _repeat(runtime: Runtime, job: Job) -> None:
    while True:
        try:
            await job.run(runtime)
        except IamError as error:
            _log.warning("job_failed", job=job.name, code=error.code)
        except Exception:  # noqa: BLE001 -- one broken job must not end the others
            _log.exception("job_failed", job=job.name)
        await asyncio.sleep(job.seconds)
