"""When to try again, when to give up, and what came of an attempt."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RETRIES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=24),
)
"""How long to wait after each attempt in vain."""
JITTER: Final = 0.2
"""The part by which a wait is shortened or lengthened, so that what failed together does not come
back together."""
HORIZON: Final = timedelta(hours=72)
"""After that nothing is tried any more."""
FAILING_FOR: Final = timedelta(hours=48)
"""A channel in which nothing got through for so long is closed when a delivery has died in it."""
PATIENCE: Final = 3
"""Rounds in a row in which nothing gets through, before a channel is asked less often."""
LONGEST_PAUSE: Final = timedelta(minutes=5)
"""How long a channel in which nothing gets through rests at most between two rounds."""

GONE: Final = "gone"
"""The receiver says that it is no more: nothing is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt.

    Attributes:
        reason: Why it was in vain, as a word of ours; `None` when it was not. Never what the
            receiver wrote: that would let people read what only we can reach.
        status: The status of HTTP or SMTP, if there was one.
        duration_ms: How long it took.
        is_final: Whether trying again is pointless.
    """

    reason: str | None
    status: int | None = None
    duration_ms: int = 0
    is_final: bool = False


def next_attempt(
    *, attempts: int, queued_at: datetime, now: datetime, chance: float
) -> datetime | None:
    """When to try again after so many attempts in vain; `None` to give up.

    `chance` is a random number from 0 to 1.
    """
    if attempts > len(RETRIES):
        return None
    wait: timedelta = RETRIES[attempts - 1] * (1 + JITTER * (2 * chance - 1))
    return None if now + wait > queued_at + HORIZON else now + wait


def pause(*, failures: int, now: datetime, chance: float) -> datetime | None:
    """When to ask a channel again in which nothing got through for so many rounds in a row."""
    if failures < PATIENCE:
        return None
    wait: timedelta = min(RETRIES[0] * 2 ** min(failures - PATIENCE, 10), LONGEST_PAUSE)
    return now + wait * (1 + JITTER * (2 * chance - 1))


def subject_key(subject: str) -> str:
    """What stands for a subject, whose ARN may be long, in an index."""
    return hashlib.blake2b(subject.encode(), digest_size=16).hexdigest()
