"""Does the damage, at a moment that nobody has chosen."""

import asyncio
import contextlib
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from iam.kit.secrets import spread
from tests.host import PATIENCE, Served


async def some_moment(longest: float) -> None:
    """Wait for a random part of so many seconds, but not for less than a fifth."""
    await asyncio.sleep(spread(timedelta(seconds=longest), 0.8).total_seconds())


def kill(pid: int) -> None:
    """End a process at once: nothing of it runs again, no handler, no flush."""
    os.kill(pid, signal.SIGKILL)


def end_at_point(served: Served, file: Path, point: str) -> None:
    """Name a place within a write (`fail_points.py`), and wait until a server has ended there."""
    file.write_text(point, encoding="ascii")
    deadline = time.monotonic() + PATIENCE
    while served.process.poll() is None:
        assert time.monotonic() < deadline, f"nothing came by {point}"
        time.sleep(0.02)
    assert served.process.returncode == -signal.SIGKILL, served.log


def kill_children(pid: int) -> int:
    """End every child of a process, but not the process; returns how many there were.

    For PostgreSQL: its first process sees that its others died, throws away what they shared, and
    recovers from the log, as after a power failure.
    """
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for child in found:
        with contextlib.suppress(ProcessLookupError):  # the others may have ended it already
            kill(int(child))
    return len(found)
