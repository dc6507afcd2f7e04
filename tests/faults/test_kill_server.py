"""F-02: the server is killed with -9 under load, again and again."""

import pytest

from tests.faults.arena import Arena, describe
from tests.faults.nemesis import kill
from tests.faults.rounds import Measured, many_rounds
from tests.host import Served


@pytest.mark.long
def test_f_02_nothing_acknowledged_is_lost_over_many_kills(
    arena: Arena, measured: Measured
) -> None:
    play_rounds(arena, many_rounds())
    measured(describe(arena))


def play_rounds(arena: Arena, rounds: int) -> None:
    played = None
    for _ in range(rounds):
        with arena.serve() as served:
            if played is not None:
                played.look_after(served)
                assert arena.check() == [], served.log
            played = arena.load_and_damage(served, kill_server)
    assert played is not None
    with arena.serve() as served:
        played.look_after(served)
    assert arena.check() == [], served.log


def kill_server(served: Served) -> None:
    kill(served.process.pid)
