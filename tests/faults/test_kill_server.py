"""F-01, F-02: the server is killed with -9 under load, again and again."""

from collections import Counter

import pytest

from tests.faults.arena import Arena, summary
from tests.faults.nemesis import kill
from tests.host import Served

ROUNDS = 1
MANY_ROUNDS = 20


def test_f_01_nothing_acknowledged_is_lost_when_the_server_is_killed(arena: Arena) -> None:
    play_rounds(arena, ROUNDS)


@pytest.mark.long
def test_f_02_nothing_acknowledged_is_lost_over_many_kills(arena: Arena) -> None:
    play_rounds(arena, MANY_ROUNDS)


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
    describe(arena)


def kill_server(served: Served) -> None:
    kill(served.process.pid)


def describe(arena: Arena) -> None:
    """What was played, for `pytest -s`."""
    told = Counter(found.result.value for found in arena.journal.operations.values())
    ready = summary("ready again", arena.started_in[1:])
    print(f"\n{arena.rounds} rounds, operations {dict(told)}, {ready}")  # noqa: T201 -- shown by `-s`
