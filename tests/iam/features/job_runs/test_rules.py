"""When a job is due: cron expressions, daylight saving time, slots that nobody was there for."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam.errors import ErrorKind, IamError
from iam.features.job_runs.rules import (
    KEPT,
    LONGEST_PAUSE,
    MISSED_AT_ONCE,
    Schedule,
    due,
    parse_schedule,
    pause_before,
)

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
VIENNA = "Europe/Vienna"


def local(schedule: Schedule, after: datetime, count: int) -> list[str]:
    """The next slots, as a clock on the wall shows them."""
    zone = ZoneInfo(schedule.zone)
    slots = islice(schedule.after(after), count)
    return [slot.astimezone(zone).strftime("%d %H:%M %z") for slot in slots]


class TestSchedules:
    def test_the_next_slot_is_after_the_instant_and_never_at_it(self) -> None:
        hourly = parse_schedule("0 * * * *")
        assert hourly.next(NOON) == NOON + HOUR
        assert hourly.next(NOON - timedelta(microseconds=1)) == NOON
        assert hourly.next(NOON + timedelta(microseconds=1)) == NOON + HOUR

    def test_a_schedule_is_read_in_its_time_zone(self) -> None:
        assert parse_schedule("0 3 * * *", VIENNA).next(NOON) == datetime(2026, 7, 2, 1, tzinfo=UTC)
        assert parse_schedule("0 3 * * *", "Asia/Kathmandu").next(NOON) == datetime(
            2026, 7, 1, 21, 15, tzinfo=UTC
        )

    @pytest.mark.parametrize(
        ("alias", "expression"),
        [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), (" @Weekly ", "0 0 * * 0")],
    )
    def test_an_alias_stands_for_its_expression(self, alias: str, expression: str) -> None:
        assert parse_schedule(alias) == parse_schedule(expression)

    @pytest.mark.parametrize(
        "expression",
        ["", "* * * *", "* * * * * *", "@reboot", "60 * * * *", "*/0 * * * *", "a * * * *",
         "0 0 31 2 *", "5-1 * * * *", "0 0 * * 8", "-1 * * * *", "٣ * * * *"],
    )  # fmt: skip
    def test_what_is_no_cron_expression_is_refused(self, expression: str) -> None:
        with pytest.raises(IamError) as refused:
            parse_schedule(expression)
        assert (refused.value.kind, refused.value.code) == (ErrorKind.INVALID, "schedule_invalid")

    @pytest.mark.parametrize(
        "zone", ["", "Europe/Wien", "../../etc/passwd", "/etc/localtime", "localtime", "utc\x00"]
    )
    def test_what_is_no_iana_time_zone_is_refused(self, zone: str) -> None:
        with pytest.raises(IamError) as refused:
            parse_schedule("@daily", zone)
        assert refused.value.code == "time_zone_unknown"

    def test_a_day_that_comes_every_four_years_is_found(self) -> None:
        assert parse_schedule("0 0 29 2 *").next(NOON) == datetime(2028, 2, 29, tzinfo=UTC)


class TestDaylightSavingTime:
    """CK-04, in Vienna: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00."""

    def test_ck_04_a_time_that_is_skipped_is_due_right_after_the_gap_and_once(self) -> None:
        eve = datetime(2026, 3, 28, 12, tzinfo=UTC)
        assert local(parse_schedule("30 2 * * *", VIENNA), eve, 2) == [
            "29 03:00 +0200",
            "30 02:30 +0200",
        ]
        assert local(parse_schedule("15,45 2 * * *", VIENNA), eve, 2) == [
            "29 03:00 +0200",
            "30 02:15 +0200",
        ]

    def test_ck_04_a_time_that_comes_twice_is_due_the_first_time_alone(self) -> None:
        eve = datetime(2026, 10, 24, 12, tzinfo=UTC)
        twice = parse_schedule("30 2 * * *", VIENNA)
        assert local(twice, eve, 2) == ["25 02:30 +0200", "26 02:30 +0100"]
        for minutes in (0, 31, 59, 60, 89, 91):  # looked at within the doubled hour, too
            instant = datetime(2026, 10, 25, 0, 30, tzinfo=UTC) + minutes * MINUTE
            assert local(twice, instant, 1) == ["26 02:30 +0100"]

    @pytest.mark.parametrize(("month", "day"), [(3, 28), (10, 24)])
    def test_ck_04_what_goes_on_evenly_goes_on_evenly(self, month: int, day: int) -> None:
        eve = datetime(2026, month, day, 20, tzinfo=UTC)
        slots = islice(parse_schedule("*/20 * * * *", VIENNA).after(eve), 30)
        assert {later - slot for slot, later in pairwise(slots)} == {20 * MINUTE}

    @given(
        expression=st.sampled_from(
            ["30 2 * * *", "*/7 * * * *", "0 1-3 * * *", "5,35 */2 * * *", "0 2 * * SUN"]
        ),
        zone=st.sampled_from([VIENNA, "America/New_York", "Australia/Lord_Howe", "UTC"]),
        seconds=st.integers(0, 366 * 24 * 60 * 60),
    )
    def test_ck_04_slots_only_go_forward_and_do_not_depend_on_when_one_looks(
        self, expression: str, zone: str, seconds: int
    ) -> None:
        instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        schedule = parse_schedule(expression, zone)
        slots = list(islice(schedule.after(instant), 12))
        assert slots == sorted(set(slots))
        assert slots[0] > instant
        for slot, later in pairwise(slots):
            assert schedule.next(slot) == later
            assert schedule.next(slot + (later - slot) / 2) == later

    def test_ck_04_years_far_away_are_years_like_others(self) -> None:
        leap = parse_schedule("14 3 19 1 *")
        assert leap.next(datetime(2038, 1, 18, tzinfo=UTC)) == datetime(
            2038, 1, 19, 3, 14, tzinfo=UTC
        )
        # 2100 is no leap year.
        assert parse_schedule("0 0 29 2 *").next(datetime(2099, 1, 1, tzinfo=UTC)) == datetime(
            2104, 2, 29, tzinfo=UTC
        )


class TestDue:
    hourly = parse_schedule("0 * * * *")

    def test_nothing_is_due_before_the_next_slot(self) -> None:
        found = due(self.hourly, settled_until=NOON, now=NOON + HOUR - MINUTE)
        assert (found.run, found.missed, found.settled_until) == (None, (), NOON)

    def test_f_17_of_many_slots_the_latest_is_run_and_the_others_are_missed(self) -> None:
        found = due(self.hourly, settled_until=NOON, now=NOON + 6 * HOUR + MINUTE)
        assert found.run == found.settled_until == NOON + 6 * HOUR
        assert found.missed == tuple(NOON + count * HOUR for count in range(1, 6))

    def test_very_many_slots_are_settled_in_several_steps(self) -> None:
        minutely = parse_schedule("* * * * *")
        now = NOON + (2 * MISSED_AT_ONCE + 3) * MINUTE
        settled = NOON
        missed: list[datetime] = []
        for _ in range(2):
            step = due(minutely, settled_until=settled, now=now)
            assert step.run is None
            missed += step.missed
            settled = step.settled_until
        last = due(minutely, settled_until=settled, now=now)
        assert last.run == now
        slots = [*missed, *last.missed, last.run]
        assert slots == [NOON + count * MINUTE for count in range(1, 2 * MISSED_AT_ONCE + 4)]

    def test_slots_from_before_runs_are_kept_are_passed_over(self) -> None:
        daily = parse_schedule("0 0 * * *")
        found = due(daily, settled_until=NOON - 10 * KEPT, now=NOON)
        assert len(found.missed) == KEPT.days - 1

    def test_ck_02_a_clock_that_was_ahead_makes_no_slot_due_twice(self) -> None:
        ahead = due(self.hourly, settled_until=NOON, now=NOON + 2 * HOUR)
        assert ahead.run == NOON + 2 * HOUR
        back = due(self.hourly, settled_until=ahead.settled_until, now=NOON + HOUR)
        assert (back.run, back.missed, back.settled_until) == (None, (), NOON + 2 * HOUR)


def test_each_attempt_waits_longer_than_the_one_before_up_to_a_bound() -> None:
    pauses = [pause_before(attempt).total_seconds() for attempt in (2, 3, 4, 5, 6, 7, 40)]
    assert pauses == [10, 20, 40, 80, 160, 300, LONGEST_PAUSE.total_seconds()]
