"""Places go round those who wait, however many one of them asks for."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from iam.errors import IamError
from iam.kit.turns import MOST_WAITING, Turns

pytestmark = pytest.mark.anyio


def turns(places: int, *, patience: timedelta = timedelta(minutes=1)) -> Turns:
    return Turns(places, patience=patience)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


class Visits:
    """Tasks that take a turn, tell that they have it, and keep it until they are let go."""

    def __init__(self, kept: Turns) -> None:
        self.kept = kept
        self.inside: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    def start(self, name: str, *, alone: bool = False) -> None:
        """The owner is what stands before the hyphen."""
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._visit(name, alone=alone))

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await settle()

    async def end(self) -> None:
        for leave in self._leave.values():
            leave.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _visit(self, name: str, *, alone: bool) -> None:
        async with self.kept.take(name.partition("-")[0], alone=alone):
            self.inside.append(name)
            await self._leave[name].wait()
        self.inside.remove(name)


async def test_mt_13_who_comes_after_a_crowd_of_another_is_next() -> None:
    visits = Visits(turns(2))
    for number in range(50):
        visits.start(f"noisy-{number}")
    await settle()
    visits.start("quiet-0")
    await settle()
    assert visits.inside == ["noisy-0", "noisy-1"]
    await visits.leave("noisy-0")
    assert visits.inside == ["noisy-1", "quiet-0"]
    await visits.end()


async def test_places_go_round_those_who_wait() -> None:
    visits = Visits(turns(1))
    for name in ("a-0", "a-1", "a-2", "b-0", "b-1", "c-0"):
        visits.start(name)
    order = []
    for _ in range(6):
        await settle()
        order += visits.inside
        await visits.leave(order[-1])
    assert order == ["a-0", "b-0", "c-0", "a-1", "b-1", "a-2"]
    await visits.end()


async def test_one_change_of_an_owner_at_a_time_and_its_reads_beside() -> None:
    visits = Visits(turns(10))
    for name, alone in (("a-0", True), ("a-1", True), ("a-2", False), ("b-0", True)):
        visits.start(name, alone=alone)
    await settle()
    assert visits.inside == ["a-0", "a-2", "b-0"]
    await visits.leave("a-0")
    assert visits.inside == ["a-2", "b-0", "a-1"]
    await visits.end()


async def test_who_gives_up_leaves_no_place_taken() -> None:
    kept = turns(1)
    visits = Visits(kept)
    for name in ("a-0", "a-1", "b-0"):
        visits.start(name, alone=True)
    await settle()
    visits.tasks["a-1"].cancel()
    await visits.leave("a-0")  # and in this very moment the cancelled one would have been next
    assert visits.inside == ["b-0"]
    visits.tasks["b-0"].cancel()
    await settle()
    async with asyncio.timeout(30), kept.take("a", alone=True):
        pass
    await visits.end()


async def test_who_is_cancelled_when_its_turn_comes_gives_it_back() -> None:
    kept = turns(1)
    visits = Visits(kept)
    async with kept.take("a", alone=False):
        visits.start("b-0")
        visits.start("c-0")
        await settle()
    visits.tasks["b-0"].cancel()  # it has the place, and its task has not run since
    await settle()
    assert visits.inside == ["c-0"]
    await visits.end()


async def test_who_waits_too_long_is_told_to_come_back() -> None:
    kept = turns(1, patience=timedelta(milliseconds=20))
    async with kept.take("a", alone=False):
        with pytest.raises(IamError) as refused:
            async with kept.take("a", alone=False):
                pass
        assert (refused.value.kind, refused.value.code) == ("too_many", "account_busy")
        assert refused.value.detail == {"retry_after": 1}
    async with kept.take("a", alone=False):
        pass


async def test_not_more_than_so_many_of_one_owner_wait() -> None:
    visits = Visits(turns(1))
    for number in range(MOST_WAITING + 1):
        visits.start(f"a-{number}")
    await settle()
    with pytest.raises(IamError) as refused:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(visits.kept.take("a", alone=False))
    assert refused.value.code == "account_busy"
    visits.start("b-0")
    await settle()
    await visits.leave("a-0")
    assert visits.inside == ["b-0"]
    for task in visits.tasks.values():
        task.cancel()
    await visits.end()
