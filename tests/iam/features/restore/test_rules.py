"""The restore epoch only ever rises."""

from datetime import timedelta

from iam.features.restore.rules import next_epoch
from tests.world import NOON


def test_the_epoch_rises_above_every_epoch_that_is_known() -> None:
    assert next_epoch([1, 5], now=NOON) > 5
    far = 2_000_000_000
    assert next_epoch([1, far], now=NOON) == far + 1


def test_f_24_the_same_backup_restored_twice_gets_another_epoch_each_time() -> None:
    first = next_epoch([1], now=NOON)
    assert next_epoch([1], now=NOON + timedelta(minutes=1)) > first
    assert next_epoch([1, first], now=NOON) > first
