"""When to try again, and when to give up."""

from datetime import UTC, datetime, timedelta

import pytest

from iam.features.deliveries.rules import (
    HORIZON,
    JITTER,
    LONGEST_PAUSE,
    PATIENCE,
    RETRIES,
    next_attempt,
    pause,
    subject_key,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_each_wait_is_that_of_the_schedule_give_or_take_a_fifth(chance: float) -> None:
    now = NOW
    for attempt, wait in enumerate(RETRIES, start=1):
        again = next_attempt(attempts=attempt, queued_at=NOW, now=now, chance=chance)
        if again is None:
            assert now + wait * (1 - JITTER + 2 * JITTER * chance) > NOW + HORIZON
            return
        assert again - now == wait * (1 + JITTER * (2 * chance - 1))
        now = again
    assert next_attempt(attempts=len(RETRIES) + 1, queued_at=NOW, now=now, chance=0.5) is None


def test_nothing_is_tried_beyond_three_days() -> None:
    late = NOW + HORIZON - timedelta(seconds=3)
    assert next_attempt(attempts=1, queued_at=NOW, now=late, chance=0.5) is None
    assert next_attempt(attempts=1, queued_at=late, now=late, chance=0.5) is not None


def test_a_channel_rests_longer_and_longer_and_never_long() -> None:
    assert pause(failures=PATIENCE - 1, now=NOW, chance=0.5) is None
    found = [pause(failures=n, now=NOW, chance=0.5) for n in range(PATIENCE, 100)]
    waits = [at - NOW for at in found if at is not None]
    assert len(waits) == len(found)
    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PAUSE


def test_a_subject_is_known_by_a_short_key() -> None:
    assert subject_key("a" * 2000) != subject_key("a" * 2001)
    assert len(subject_key("a" * 2000)) == 32
