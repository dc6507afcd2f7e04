"""Time as an argument: the system's for the service, a manual one for tests.

Time never runs backwards here. What has expired stays expired when somebody, or NTP, sets the wall
clock back: until the wall clock has caught up, time goes on from the latest instant that it showed,
as fast as the monotonic clock does. A step forward is followed at once. So a clock that was an hour
ahead for a moment keeps this process an hour ahead until it is started again: nobody can tell a
wrong clock that was put right from a right one that was put wrong, and only one of the two mistakes
lets in what must not come in.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

TOLERANCE: Final = timedelta(seconds=30)
"""How far two clocks may be apart before that is worth a word, or more."""


class Clock(Protocol):
    """Where time comes from.

    ``now`` is what the wall clock shows, for what is written down and compared with other machines;
    it may jump forward, and never goes back. ``monotonic`` is for measuring durations inside this
    process.
    """

    def now(self) -> datetime:
        """The present instant, aware, in UTC; never before one that was told already."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed instant."""
        ...

    def heed(self, other: datetime) -> None:
        """Another clock, which all replicas share, shows this instant: it is that late at least."""
        ...


class SystemClock:
    """The clocks of the machine.

    Args:
        wall: Seconds since 1970 in UTC; may jump.
        monotonic: Seconds since some fixed instant; never goes back.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,  # noqa: TID251  # this is where time enters
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()
        self._is_behind = False

    def now(self) -> datetime:
        """The wall clock, aware, in UTC, or later where that was set back."""
        # In this order: who is kept from running between the two makes time late, never early.
        wall = self._wall()
        elapsed = self._monotonic()
        ahead = wall - elapsed
        if ahead >= self._ahead:
            self._ahead, self._is_behind = ahead, False
        elif ahead < self._ahead - _TOLERATED:
            self._tell(self._ahead - ahead)
        return datetime.fromtimestamp(self._ahead + elapsed, UTC)

    def monotonic(self) -> float:
        """The monotonic clock, in seconds."""
        return self._monotonic()

    def heed(self, other: datetime) -> None:
        """Go on from this instant if the machine's clock is behind it by more than 30 seconds."""
        ahead = other.timestamp() - self._monotonic()
        if ahead > self._ahead + _TOLERATED:
            self._ahead = ahead

    def _tell(self, behind: float) -> None:
        if not self._is_behind:
            import structlog  # not at the top: the command line starts without it

            self._is_behind = True
            log = structlog.get_logger(__name__)
            log.warning("clock_set_back", seconds=round(behind), advice=_ADVICE)


_TOLERATED: Final = TOLERANCE.total_seconds()
_ADVICE: Final = "time goes on without it; if it is right now, start this process again"


class ManualClock:
    """A clock that stands still until it is told to move.

    Args:
        start: The first instant; must be aware, or ``ValueError`` is raised.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)
        self._behind = timedelta(0)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The latest instant that was set, aware, in UTC."""
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
        """Let the wall clock alone jump, as NTP or an operator would; `now` never goes back."""
        wall = self._now - self._behind + offset
        self._now = max(self._now, wall)
        self._behind = self._now - wall

    def heed(self, other: datetime) -> None:
        """Nothing: only a test moves this clock."""
