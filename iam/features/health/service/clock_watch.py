"""Compares our clock with the database's, and knows whether another replica is in step with it.

A replica that is fit to serve, and whose clock agrees with the database's, holds the lease
`clock-in-step`, whichever of them takes it. So who is out of step sees by the lease whether
somebody else can serve. It is short: a holder that dies leaves the others out for no longer than
that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from iam.features.health.rules import SKEW_SECONDS
from iam.kit.database import Database
from iam.leases import OUTAGES, Fence, Leases
from iam.work import Tools

LEASE: Final = "clock-in-step"
LEASE_SECONDS: Final = 10.0
PERIOD: Final = 3.0
"""Seconds between two looks."""

_log = structlog.get_logger(__name__)


class ClockWatch:
    """The watch of one replica; on SQLite, where there is one clock only, it does nothing.

    Attributes:
        skew: Seconds by which we are ahead of the database; `None` while that is not known.
        is_other_in_step: Whether another replica is in step and fit, as of the last look.
    """

    def __init__(self, tools: Tools, is_fit: Callable[[], Awaitable[bool]]) -> None:
        self._tools = tools
        self._is_fit = is_fit
        self._leases = Leases(tools.database, length=timedelta(seconds=LEASE_SECONDS))
        self._fence: Fence | None = None
        self.skew: float | None = None
        self.is_other_in_step = False

    @property
    def is_in_step(self) -> bool:
        """Whether our clock agrees with the database's."""
        return self.skew is not None and abs(self.skew) <= SKEW_SECONDS

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        if self._tools.database.is_sqlite:
            return
        try:
            while True:
                await self._look_safely()
                await asyncio.sleep(PERIOD)
        finally:
            await self._let_go()

    async def look(self) -> None:
        """Look once. Raises one of `OUTAGES` when the database does not answer."""
        was_in_step = self.skew is None or self.is_in_step
        self.skew = await self._measured()
        if was_in_step and not self.is_in_step:
            _log.warning("clock_out_of_step", seconds=round(self.skew), advice=_ADVICE)
        if self.is_in_step and await self._is_fit():
            await self._hold()
        elif self._fence is not None:
            await self._leases.release(self._fence)
            self._fence = None
        self.is_other_in_step = self._fence is None and bool(await self._leases.live([LEASE]))

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except OUTAGES as error:
            # Whoever does not see the database is not ready for that reason.
            self.is_other_in_step = False
            _log.warning("clock_unwatched", error=type(error).__name__)

    async def _hold(self) -> None:
        if self._fence is not None and await self._leases.renew(self._fence):
            return
        self._fence = await self._leases.acquire(LEASE)

    async def _let_go(self) -> None:
        if self._fence is not None:
            try:
                await self._leases.release(self._fence)
            except OUTAGES:
                return  # then it ends by itself

    async def _measured(self) -> float:
        database: Database = self._tools.database
        clock = self._tools.clock
        before = clock.now()
        theirs = await database.time()
        # The answer is of some moment in between.
        ours = before + (clock.now() - before) / 2
        return (ours - theirs).total_seconds()


_ADVICE: Final = "set the clock of this machine or of the database, and start this process again"
