"""`iam worker` with a job that writes all the time, and more when it should stop. For tests only.

    python -m tests.faults.stubborn_worker worker

The job `scribble` writes rows that carry its fence. Told that its lease is lost, it goes on for a
few rows more: only what refuses its writes can stop it. With `TEST_DEFECT=no_fence` nothing does.

The job `shout` writes no rows. What it does reaches the world without the database: the time, line
by line, into the file that `TEST_SHOUTS` names.
"""

import asyncio
import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from iam import cli, worker
from iam.errors import IamError
from iam.jobs import Job, Run
from iam.kit.ids import IdKind, new_id
from iam.models import OneTimeId
from iam.work import unit_of_work

DEFECT: Final = "TEST_DEFECT"
SHOUTS: Final = "TEST_SHOUTS"
KIND: Final = "scribble"
PAUSE_SECONDS: Final = 0.02
MORE: Final = 5
"""Rows that it tries to write after it was told to stop."""


async def scribble(run: Run) -> None:
    """Write row after row, until refused, and some more."""
    try:
        while True:
            await _write(run)
            await asyncio.sleep(PAUSE_SECONDS)
    except BaseException:
        for _ in range(MORE):
            await _try_to_write(run)
        raise


async def shout(run: Run) -> None:
    """Say what time it is, until stopped."""
    with Path(os.environ[SHOUTS]).open("ab", buffering=0) as file:  # noqa: ASYNC230 -- no disk is waited for
        while not run.is_cancelled:
            file.write(f"{time.monotonic()}\n".encode())
            await asyncio.sleep(PAUSE_SECONDS)


async def _write(run: Run) -> None:
    async with run.begin() as uow:
        row = new_id(IdKind.EVENT, uow.now)
        uow.add(OneTimeId(kind=f"{KIND}/{run.fence.token}", id=row, expires_at=uow.now))


async def _try_to_write(run: Run) -> None:
    with suppress(IamError):
        await _write(run)


SCRIBBLE: Final = Job("scribble", "Writes", "@yearly", scribble, attempts=1_000)
SHOUT: Final = Job("shout", "Says what time it is", "@yearly", shout, attempts=1_000)


async def _no_fence(*_: object, **_options: object) -> None:
    """Nobody looks at the lease before a commit."""


def main() -> None:
    """Run the program that was asked for, with the job and perhaps the defect."""
    # `iam.server` imports it when the command runs.
    vars(worker)["keep_house"] = partial(worker.keep_house, jobs=[SCRIBBLE, SHOUT])
    if os.environ.get(DEFECT) == "no_fence":
        vars(unit_of_work)["check_fence"] = _no_fence
    cli.main()


if __name__ == "__main__":
    main()
