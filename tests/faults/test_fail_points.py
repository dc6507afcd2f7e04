"""F-01: the server ends at a named place within a write, as by `kill -9`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.faults.arena import Arena, Round, open_arena
from tests.faults.fail_points import FILE, WRITE_POINTS
from tests.faults.nemesis import end_at_point
from tests.faults.rounds import many_rounds
from tests.host import Served

QUICK = "after_commit_before_answer"


def test_f_01_a_change_that_is_committed_and_never_answered_is_whole(tmp_path: Path) -> None:
    with open_arena(tmp_path) as arena:
        end_at(arena, [QUICK])


@pytest.mark.long
def test_f_01_nothing_is_lost_wherever_within_a_write_the_server_ends(arena: Arena) -> None:
    for _ in range(many_rounds(2)):
        end_at(arena, WRITE_POINTS)


def end_at(arena: Arena, points: Sequence[str]) -> None:
    """One round for each place; what follows finds out what became of it."""
    arena.host.program = ("-m", "tests.faults.broken_server")
    file = arena.host.directory / "fail-point"
    arena.host.settings = {**arena.host.settings, FILE: str(file)}
    played: Round | None = None
    for point in points:
        with arena.serve() as served:
            look_after(arena, played, served)
            damage = partial(end_at_point, file=file, point=point)
            played = arena.load_and_damage(served, damage)
        file.unlink()
    with arena.serve() as served:
        look_after(arena, played, served)


def look_after(arena: Arena, played: Round | None, served: Served) -> None:
    if played is not None:
        played.look_after(served)
        assert arena.check() == [], served.log
