"""Places that several owners share fairly: whoever asks for many waits behind its own requests.

A process does so much at once and no more. Where everybody stood in one queue, one busy owner
would fill it, and the others would wait for all of that. Here each owner has a queue of its own,
and free places go round the owners that wait. Within one owner, who must be alone is: one of its
changes at a time, while its reads go on beside.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from iam.errors import IamError, too_many

MOST_WAITING: Final = 1000
"""How many requests of one owner may wait."""


@dataclass(slots=True, eq=False)
class _Waiter:
    alone: bool
    turn: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Turns:
    """Places in one process, given in turn to those who wait.

    Args:
        places: how many hold a place at once, over all owners.
        patience: how long one waits before it is refused.
    """

    def __init__(self, places: int, *, patience: timedelta) -> None:
        self._free = places
        self._patience = patience.total_seconds()
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._alone: set[str] = set()

    @asynccontextmanager
    async def take(self, owner: str, *, alone: bool) -> AsyncIterator[None]:
        """Hold a place while the block runs; with `alone`, no other of this owner does that.

        Raises `IamError` of kind `too_many` when too many of this owner wait, or for too long.
        """
        queue = self._waiting.setdefault(owner, deque())
        if len(queue) >= MOST_WAITING:
            raise _busy()
        waiter = _Waiter(alone)
        queue.append(waiter)
        self._give()
        await self._wait(owner, waiter)
        try:
            yield
        finally:
            self._release(owner, waiter)

    async def _wait(self, owner: str, waiter: _Waiter) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await waiter.turn
        except BaseException as error:
            # Cancelled or out of patience: what was given in this very moment is given back.
            if waiter.turn.done() and not waiter.turn.cancelled():
                self._release(owner, waiter)
            else:
                self._forget(owner, waiter)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _release(self, owner: str, waiter: _Waiter) -> None:
        self._free += 1
        if waiter.alone:
            self._alone.discard(owner)
        self._let_others_first(owner)
        self._give()

    def _forget(self, owner: str, waiter: _Waiter) -> None:
        queue = self._waiting.get(owner)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._waiting[owner]

    def _give(self) -> None:
        while self._free and (found := self._next()) is not None:
            owner, waiter = found
            self._forget(owner, waiter)
            self._let_others_first(owner)
            self._free -= 1
            if waiter.alone:
                self._alone.add(owner)
            waiter.turn.set_result(None)

    def _let_others_first(self, owner: str) -> None:
        if owner in self._waiting:
            self._waiting.move_to_end(owner)

    def _next(self) -> tuple[str, _Waiter] | None:
        """Who is to have the next place: the first that may, of the first owner that has one."""
        for owner, queue in self._waiting.items():
            for waiter in queue:
                is_blocked = waiter.alone and owner in self._alone
                if not is_blocked and not waiter.turn.done():  # done: cancelled a moment ago
                    return owner, waiter
        return None


def _busy() -> IamError:
    message = "this account keeps this server busy already; try again"
    return too_many("account_busy", message, retry_after=1)
