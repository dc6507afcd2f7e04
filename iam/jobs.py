"""What a feature says of a job, and what the job gets to work with.

A feature lists its jobs in its `jobs.py`, and `iam.worker` lists the features. Each run happens on
one worker at a time, under a lease; whatever it writes, it writes in `run.begin()`, which refuses
to commit once the lease is lost.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from iam.leases import Fence
from iam.models import MAIN_ACCOUNT
from iam.runtime import Runtime
from iam.work import Caller, UnitOfWork

ATTEMPTS: Final = 3
"""How often a run is tried by default, before it has failed."""


class Run:
    """One attempt at one run, as the job sees it.

    It ends when the job returns. It has failed when the job raises; then the next attempt begins
    from the start, and so it does when a worker is gone or the lease is lost: a job must be able to
    begin anew over what an earlier attempt has left.

    Attributes:
        runtime: The long-lived parts of this process.
        id: The id of the run; the same for each attempt.
        job: The name of the job.
        slot: The instant in the schedule that it stands for; `None` when somebody asked for it.
        attempt: 1 for the first.
        fence: What its writes are held to.
        done: How much is done, as it has told.
        total: How much there is, as it has told; `None` while it does not know.
        text: What it is about to do, as it has told.
        left_out: Why it will be `incomplete`, if it will.
        is_cancelled: Whether somebody wants it to end. The job is cancelled besides, as asyncio
            does; only work in a thread has to look.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        id: str,  # noqa: A002 -- the run's own word
        job: str,
        slot: datetime | None,
        attempt: int,
        fence: Fence,
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.job = job
        self.slot = slot
        self.attempt = attempt
        self.fence = fence
        self.is_cancelled = False
        self.done = 0
        self.total: int | None = None
        self.text = ""
        self.left_out: str | None = None

    def begin(
        self, account: str = MAIN_ACCOUNT, *, read_only: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """Begin a unit of work of this job in an account, with the rights of the account's root.

        It commits only while the lease is held; else it raises `LeaseLostError`, nothing kept.
        """
        caller = Caller.of_job(
            self.job, account=account, partition=self.runtime.settings.partition, run_id=self.id
        )
        fence = None if read_only else self.fence
        return self.runtime.begin(caller, read_only=read_only, fence=fence)

    def progress(self, done: int, total: int | None = None, text: str = "") -> None:
        """Say how far it is, in units of its own; no secret in the text.

        Costs nothing: it is written down about once a second.
        """
        self.done, self.total, self.text = done, total, text

    def incomplete(self, why: str) -> None:
        """Say that the run will end without having done all of it: it becomes `incomplete`."""
        self.left_out = why


@dataclass(frozen=True, slots=True)
class Job:
    """Something that the installation does by itself.

    Attributes:
        name: Lower-case words with hyphens. Never changes: history and policies name it.
        description: One line for people.
        schedule: When, as a cron expression of five fields, in UTC until an operator says else.
        run: Does it once.
        is_quiet: Whether its starts and successes are no events, because it runs so often and its
            own changes have events. Whatever goes wrong is an event all the same.
        attempts: How often a run is tried before it has failed.
    """

    name: str
    description: str
    schedule: str
    run: Callable[[Run], Awaitable[None]]
    is_quiet: bool = False
    attempts: int = ATTEMPTS
