"""F-04: power is lost while SQLite writes. What was not flushed yet may be on the disk or not.

A commit is acknowledged after its frames in the write-ahead log were flushed (`synchronous=FULL`;
tests/iam/kit/test_database.py asks every connection for it). So whatever follows the last of these
frames may be anything: part of a frame, or garbage.
"""

import os
from pathlib import Path

import pytest

from tests.faults.arena import open_arena
from tests.faults.nemesis import kill

FRAME = 24 + 4096
"""A frame of the log: its header and one page."""
TAILS = {"half a frame": FRAME // 2, "a frame": FRAME, "frames and a half": 3 * FRAME + FRAME // 2}


@pytest.mark.long
@pytest.mark.parametrize("length", TAILS.values(), ids=TAILS)
def test_f_04_garbage_behind_the_last_commit_does_no_harm(length: int, tmp_path: Path) -> None:
    with open_arena(tmp_path) as arena:
        with arena.serve() as served:
            played = arena.load_and_damage(served, lambda at: kill(at.process.pid))
        log = tmp_path / "data" / "iam.db-wal"
        assert log.stat().st_size > FRAME, "what was committed is not in the log any more"
        with log.open("ab") as file:
            file.write(os.urandom(length))
        with arena.serve() as served:
            played.look_after(served)
        assert arena.check() == [], served.log
