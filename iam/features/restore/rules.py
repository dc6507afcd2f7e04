"""What a restore raises. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

_MINUTE: Final = 60


def next_epoch(known: Iterable[int], *, now: datetime) -> int:
    """The restore epoch from here on: higher than any that was ever in use.

    The database that was lost may have been restored before, and nobody knows how often. Minutes
    since 1970 are higher than any count of restores, and than those of any restore before.
    """
    return max(*known, int(now.timestamp()) // _MINUTE - 1, 0) + 1
