"""How late the event loop is: what blocks it delays every request of the process (F-32)."""

import asyncio
from collections import deque
from typing import Final

PERIOD: Final = 0.5
"""Seconds between two measurements."""
REMEMBERED: Final = 20
"""How many measurements are looked back at."""


class LoopLag:
    """Asks to be woken at a certain time again and again, and notes how much later that was."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=REMEMBERED)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Measure in the background; a timer, no task."""
        self._loop = asyncio.get_running_loop()
        self._set()

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def latest(self) -> float:
        """Seconds by which the last timer came late."""
        return self._lags[-1] if self._lags else 0.0

    @property
    def worst(self) -> float:
        """The most of the last ten seconds."""
        return max(self._lags, default=0.0)

    def _set(self) -> None:
        self._due = self._loop.time() + PERIOD
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._lags.append(max(0.0, self._loop.time() - self._due))
        self._set()
