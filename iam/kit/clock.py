"""Time as an argument: the system's for the service, a manual one for tests."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from.

    ``now`` is the wall clock, for what is written down and compared with other machines; it may
    jump. ``monotonic`` is for measuring durations inside this process; it never goes back.
    """

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed instant."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  # this is where time enters the service

    def monotonic(self) -> float:
        """The monotonic clock, in seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to move.

    Args:
        start: The first instant; must be aware, or ``ValueError`` is raised.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The instant last set, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed

    def advance(self, duration: timedelta) -> None:
        """Let time pass on both clocks; raise ``ValueError`` if it would pass backwards."""
        if duration < timedelta(0):
            raise ValueError("time does not pass backwards; a wall clock that jumps is `step`")
        self._now += duration
        self._elapsed += duration.total_seconds()

    def step(self, offset: timedelta) -> None:
        """Let the wall clock alone jump, as NTP or an operator would."""
        self._now += offset
