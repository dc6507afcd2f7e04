import pytest

from iam.features.health.rules import (
    DISK_BYTES,
    Check,
    Grade,
    is_ready,
    judge_clock,
    judge_disk,
    judge_loop,
    judge_outbox,
    judge_snapshots,
)


@pytest.mark.parametrize(
    ("skew", "is_other_in_step", "expected"),
    [
        (None, True, Grade.OK),
        (0.2, True, Grade.OK),
        (30.0, True, Grade.OK),
        (-30.0, True, Grade.OK),
        (31.0, True, Grade.FAILED),
        (-3600.0, True, Grade.FAILED),
        (31.0, False, Grade.WARNING),
        (-3600.0, False, Grade.WARNING),
    ],
)
def test_ck_06_a_wrong_clock_takes_a_replica_out_only_while_another_ones_is_right(
    skew: float | None, is_other_in_step: bool, expected: Grade
) -> None:
    check = judge_clock(skew, is_other_in_step=is_other_in_step)
    assert check.grade is expected
    assert check.value == skew
    assert is_ready([check]) is (expected is not Grade.FAILED)


def test_the_reason_says_which_way_the_clock_is_wrong() -> None:
    assert "40 s ahead of" in str(judge_clock(40, is_other_in_step=True).reason)
    assert "40 s behind" in str(judge_clock(-40, is_other_in_step=True).reason)


def test_f_32_an_event_loop_that_was_blocked_for_a_second_is_not_ready() -> None:
    assert judge_loop(1.0, limit=1.0).grade is Grade.OK
    assert judge_loop(1.1, limit=1.0).grade is Grade.FAILED


def test_who_no_longer_sees_what_changes_is_not_ready() -> None:
    assert judge_snapshots(5.0, trusted=5.0).grade is Grade.OK
    assert judge_snapshots(5.1, trusted=5.0).grade is Grade.FAILED


def test_f_10_what_stops_no_reading_is_a_warning() -> None:
    for check in (judge_outbox(301), judge_disk(DISK_BYTES - 1)):
        assert check.grade is Grade.WARNING
        assert check.reason
        assert is_ready([check])
    assert judge_outbox(300).grade is judge_disk(DISK_BYTES).grade is Grade.OK


def test_one_failed_check_is_enough() -> None:
    assert is_ready([])
    assert not is_ready([Check("a"), Check("b", Grade.FAILED), Check("c")])
