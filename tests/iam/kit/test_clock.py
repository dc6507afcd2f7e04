from datetime import UTC, datetime, timedelta, timezone

import pytest

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


def test_a_step_back_is_not_seen_by_the_monotonic_clock() -> None:
    clock = ManualClock(NOON)

    clock.step(timedelta(hours=-1))

    assert clock.now() == NOON - timedelta(hours=1)
    assert clock.monotonic() == 0


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
