"""Whoever has a value never waits, and whoever waits is never left alone."""

import threading
from concurrent.futures import Future

import pytest

from iam_sdk.errors import TransportError
from iam_sdk.renewal import AsyncRenewer, Fetched, Renewer, Slot
from tests.sdk.iam_sdk.conftest import Clock


def test_a_fetch_that_breaks_unexpectedly_is_a_failure_and_not_a_silence(clock: Clock) -> None:
    def fetch() -> Fetched[str]:
        raise ValueError("s3cret")

    renewer: Renewer[str] = Renewer(Slot(30), fetch, clock=clock, patience=5)
    assert renewer.get() is None
    assert isinstance(renewer.slot.failure, TransportError)
    assert str(renewer.slot.failure) == "unexpected: ValueError"


def test_who_waits_too_long_goes_on_without_and_the_flight_still_lands(clock: Clock) -> None:
    may_land = threading.Event()

    def fetch() -> Fetched[str]:
        may_land.wait(5)
        return Fetched("late", clock() + 50, clock() + 100)

    renewer = Renewer(Slot(30), fetch, clock=clock, patience=0.05)
    flight = renewer.launch()
    assert flight is not None
    assert renewer.renewed() is None
    assert renewer.slot.failure is not None
    may_land.set()
    flight.result(5)
    assert renewer.peek() == "late"
    assert renewer.slot.failure is None


@pytest.mark.anyio
async def test_who_waits_too_long_on_an_event_loop_goes_on_too(clock: Clock) -> None:
    may_land = threading.Event()

    def fetch() -> Fetched[str]:
        may_land.wait(5)
        return Fetched("late", clock() + 50, clock() + 100)

    renewer = Renewer(Slot(30), fetch, clock=clock, patience=0.05)
    flight = renewer.launch()
    assert flight is not None
    assert await renewer.renewed_async() is None
    may_land.set()
    flight.result(5)
    assert await renewer.renewed_async() == "late"


def test_a_lost_flight_that_lands_after_all_does_not_end_its_successor(clock: Clock) -> None:
    lands: list[threading.Event] = [threading.Event(), threading.Event()]
    started: list[int] = []

    def fetch() -> Fetched[str]:
        number = len(started)
        started.append(number)
        lands[number].wait(5)
        return Fetched(str(number), clock() + 50, clock() + 100)

    renewer = Renewer(Slot(1), fetch, clock=clock, patience=0.5)
    first = renewer.launch()
    clock.advance(2)
    second = renewer.launch()
    assert isinstance(first, Future)
    assert isinstance(second, Future)
    lands[0].set()
    first.result(5)
    assert renewer.launch() is second
    lands[1].set()
    second.result(5)


@pytest.mark.anyio
async def test_a_task_waits_for_no_flight_during_the_cool_down(clock: Clock) -> None:
    attempts: list[float] = []

    async def fetch() -> Fetched[str]:
        attempts.append(clock())
        raise TransportError("unreachable")

    renewer: AsyncRenewer[str] = AsyncRenewer(Slot(30), fetch, clock=clock)
    for _ in range(10):
        assert await renewer.get() is None
    clock.advance(30)
    assert await renewer.get() is None
    assert len(attempts) == 2
