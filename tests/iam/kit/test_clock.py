from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from structlog.testing import capture_logs

from iam.kit.clock import Clock, ManualClock, SystemClock

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_the_system_clock_tells_aware_utc_between_two_readings_of_the_machine() -> None:
    clock: Clock = SystemClock()

    before = datetime.now(UTC)  # noqa: TID251  # the reading it is compared with
    now = clock.now()

    assert now.utcoffset() == timedelta(0)
    assert timedelta(0) <= now - before < timedelta(seconds=5)
    assert clock.monotonic() <= clock.monotonic()


def test_a_manual_clock_stands_still_until_told() -> None:
    clock: Clock = ManualClock(NOON)

    assert clock.now() == clock.now() == NOON
    assert clock.monotonic() == 0


def test_advancing_moves_both_clocks() -> None:
    clock = ManualClock(NOON)

    clock.advance(timedelta(minutes=1, milliseconds=500))

    assert clock.now() == NOON + timedelta(seconds=60.5)
    assert clock.monotonic() == 60.5


class Machine:
    """The two clocks of a machine, of which somebody sets one."""

    def __init__(self) -> None:
        self.wall = NOON.timestamp()
        self.elapsed = 1000.0
        self.clock = SystemClock(lambda: self.wall, lambda: self.elapsed)

    def advance(self, duration: timedelta) -> None:
        self.wall += duration.total_seconds()
        self.elapsed += duration.total_seconds()

    def step(self, offset: timedelta) -> None:
        self.wall += offset.total_seconds()

    def now(self) -> datetime:
        return self.clock.now()


@pytest.mark.parametrize("make", [Machine, lambda: ManualClock(NOON)])
def test_ck_03_time_goes_on_when_the_wall_clock_is_set_back(
    make: Callable[[], Machine | ManualClock],
) -> None:
    clock, minute, hour = make(), timedelta(minutes=1), timedelta(hours=1)
    clock.advance(hour)  # nobody asks for the time meanwhile
    clock.step(-hour)
    assert clock.now() == NOON + hour
    clock.advance(minute)
    assert clock.now() == NOON + hour + minute
    clock.step(-hour)
    clock.advance(minute)
    assert clock.now() == NOON + hour + 2 * minute
    clock.step(hour)  # it catches up half of the way
    assert clock.now() == NOON + hour + 2 * minute
    clock.step(2 * hour)  # and is an hour ahead
    assert clock.now() == NOON + 2 * hour + 2 * minute
    clock.advance(minute)
    assert clock.now() == NOON + 2 * hour + 3 * minute


def test_ck_03_a_clock_that_was_set_back_is_told_once() -> None:
    machine = Machine()
    with capture_logs() as logs:
        machine.step(timedelta(seconds=-10))  # what NTP does on any day
        machine.now()
        assert not logs
        machine.step(timedelta(hours=-1))
        machine.now()
        machine.now()
    assert [(log["event"], log["seconds"]) for log in logs] == [("clock_set_back", 3610)]


def test_ck_03_a_machine_that_starts_behind_goes_by_the_clock_that_all_share() -> None:
    machine = Machine()
    machine.clock.heed(NOON + timedelta(seconds=20))  # clocks differ a little
    assert machine.now() == NOON
    machine.clock.heed(NOON + timedelta(hours=1))
    assert machine.now() == NOON + timedelta(hours=1)
    machine.clock.heed(NOON - timedelta(hours=1))
    machine.advance(timedelta(minutes=1))
    assert machine.now() == NOON + timedelta(hours=1, minutes=1)


def test_time_does_not_advance_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock(NOON).advance(timedelta(seconds=-1))


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(NOON.replace(tzinfo=None))


def test_a_start_in_another_zone_is_told_in_utc() -> None:
    clock = ManualClock(NOON.astimezone(timezone(timedelta(hours=2))))

    assert clock.now() == NOON
    assert clock.now().utcoffset() == timedelta(0)
