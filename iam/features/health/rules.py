"""What makes a replica unfit to serve, and what an operator should look at. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SKEW_SECONDS: Final = 30.0
"""How far our clock may be from the database's (CK-06)."""
LAG_SECONDS: Final = 1.0
"""How late the event loop may be (F-32)."""
OUTBOX_SECONDS: Final = 300.0
"""How long an event may wait before somebody should look."""
DISK_BYTES: Final = 256 << 20
"""How much of the disk should be free: room for a backup's worth of writing, and for the log."""


class Grade(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """Somebody should look; the replica serves."""
    FAILED = "failed"
    """The replica cannot serve, or must not."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        grade: How it came out.
        reason: Why, if it is not well.
        value: What was measured, in the unit that the reason speaks of.
    """

    name: str
    grade: Grade = Grade.OK
    reason: str | None = None
    value: float | None = None


def is_ready(checks: Iterable[Check]) -> bool:
    """Whether requests should come here."""
    return all(check.grade is not Grade.FAILED for check in checks)


def judge_clock(skew: float | None, *, is_other_in_step: bool) -> Check:
    """The distance of our clock from the database's; `None` where there is only one clock.

    A wrong clock issues tokens that are expired or not valid yet, so its replica should not serve.
    But if no replica is left whose clock agrees with the database, it may as well be the database
    that is wrong, and to serve nobody would be worse than either (F-12).
    """
    if skew is None or abs(skew) <= SKEW_SECONDS:
        return Check("clock", value=skew)
    where = "ahead of" if skew > 0 else "behind"
    reason = f"the clock is {abs(skew):.0f} s {where} the database's"
    if is_other_in_step:
        return Check("clock", Grade.FAILED, reason, skew)
    return Check("clock", Grade.WARNING, f"{reason}; no other replica's is right", skew)


def judge_snapshots(staleness: float, *, trusted: float) -> Check:
    """How long ago the change log was read; above the bound nothing in memory is believed."""
    if staleness <= trusted:
        return Check("snapshots", value=staleness)
    reason = f"the change log was not read for {staleness:.0f} s"
    return Check("snapshots", Grade.FAILED, reason, staleness)


def judge_loop(lag: float, *, limit: float) -> Check:
    """How late the event loop was lately."""
    if lag <= limit:
        return Check("event_loop", value=lag)
    reason = f"the event loop was {lag:.1f} s late within the last ten seconds"
    return Check("event_loop", Grade.FAILED, reason, lag)


def judge_outbox(age: float) -> Check:
    """How long the oldest event waits. Without a worker requests are served all the same."""
    if age <= OUTBOX_SECONDS:
        return Check("outbox", value=age)
    reason = f"an event has waited for {age:.0f} s; is a worker running?"
    return Check("outbox", Grade.WARNING, reason, age)


def judge_disk(free: int) -> Check:
    """What is free where the data directory is. A full disk stops writing, not reading (F-10)."""
    if free >= DISK_BYTES:
        return Check("disk", value=free)
    reason = f"only {free >> 20} MiB are free at the data directory"
    return Check("disk", Grade.WARNING, reason, free)
