"""What waits is written in the background, at once when asked, and at the stop."""

import asyncio

import pytest

from iam.kit.background import BackgroundWriter

pytestmark = pytest.mark.anyio

LONG = 3_600.0


class Notes(BackgroundWriter):
    """Writes to a list, as slowly as it is told to."""

    def __init__(self, *, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.waiting: list[str] = []
        self.written: list[str] = []
        self.is_writing = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    def record(self, note: str) -> None:
        self.waiting.append(note)
        self._wake()

    async def _write_waiting(self) -> None:
        batch, self.waiting = self.waiting, []
        if batch:
            self.is_writing.set()
            await self.may_end.wait()
            self.written += batch
            self.is_writing.clear()


async def test_what_is_recorded_is_written_in_the_background() -> None:
    notes = Notes(seconds=0)
    await notes.start()
    for note in ("a", "b"):
        notes.record(note)
        await asyncio.wait_for(notes.is_writing.wait(), 30)
        while notes.is_writing.is_set():  # noqa: ASYNC110 -- of the writer, which clears it
            await asyncio.sleep(0)
    assert notes.written == ["a", "b"]
    await notes.stop()


async def test_a_flush_does_not_wait_for_the_next_turn() -> None:
    notes = Notes(seconds=LONG)
    await notes.start()
    notes.record("a")
    await notes.flush()
    assert notes.written == ["a"]
    await notes.stop()


async def test_the_stop_writes_what_waits_even_if_it_was_never_started() -> None:
    for is_started in (True, False):
        notes = Notes(seconds=LONG)
        if is_started:
            await notes.start()
        notes.record("a")
        await notes.stop()
        assert notes.written == ["a"]


async def test_the_stop_cuts_no_write_off() -> None:
    notes = Notes(seconds=0)
    notes.may_end.clear()
    await notes.start()
    notes.record("a")
    await asyncio.wait_for(notes.is_writing.wait(), 30)
    notes.record("b")
    stopping = asyncio.create_task(notes.stop())
    await asyncio.sleep(0)
    notes.may_end.set()
    await asyncio.wait_for(stopping, 30)
    assert notes.written == ["a", "b"]
