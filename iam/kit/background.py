"""Writing in the background what requests leave behind, so that they need not wait for it."""

import asyncio
from abc import ABC, abstractmethod


class BackgroundWriter(ABC):
    """Keeps what is to be written, and writes it in batches while it is started.

    Whoever derives from it keeps what waits, bounded, and calls `_wake` with each thing it takes.
    """

    def __init__(self, *, seconds: float) -> None:
        """Write at most this often."""
        self._seconds = seconds
        self._is_due = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, and end."""
        if self._task is not None:
            # Not in the middle of a write: a connection of SQLite that is cut off keeps a thread
            # behind, which then answers to nobody.
            async with self._flushing:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.flush()

    async def flush(self) -> None:
        """Write everything that waits now."""
        async with self._flushing:
            await self._write_waiting()

    @abstractmethod
    async def _write_waiting(self) -> None:
        """Write everything that waits, in batches; an outage is survived, and raises nothing."""

    def _wake(self) -> None:
        self._is_due.set()

    async def _run(self) -> None:
        while True:
            await self._is_due.wait()
            await asyncio.sleep(self._seconds)
            self._is_due.clear()
            await self.flush()
