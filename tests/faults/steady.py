"""A load of so many requests a second, whether answers come or not.

Unlike `load.py` it does not wait for an answer before it asks again: so a service that answers
nothing for a while shows it in as many requests as came meanwhile.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.faults.claims import jti_of
from tests.faults.client import Client, Credential
from tests.faults.journal import Operation, Result

REVOKES_EVERY: Final = 10
CHANGES_EVERY: Final = 20
UNDER_WAY: Final = 1_000
"""Requests that may wait for an answer; the rate falls rather than more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that has ended: when it was sent and answered, on the clock of the loop."""

    sent_at: float
    answered_at: float
    operation: Operation

    @property
    def is_error(self) -> bool:
        """Whether it was neither done nor refused."""
        return self.operation.result is Result.UNKNOWN


@dataclass
class Steady:
    """The load, and what came of it."""

    client: Client
    secret: Credential
    per_second: int
    asked: list[Asked] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Ask until it is over, and wait for what is under way."""
        loop = asyncio.get_running_loop()
        places = asyncio.Semaphore(UNDER_WAY)
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in count():
                if is_over():
                    return
                await asyncio.sleep(began + number / self.per_second - loop.time())
                await places.acquire()
                task = group.create_task(self._ask(number))
                task.add_done_callback(lambda _: places.release())

    @property
    def rate(self) -> float:
        """Requests a second that were really sent."""
        sent = [each.sent_at for each in self.asked]
        return len(sent) / (max(sent) - min(sent))

    def failed_until(self, since: float) -> float:
        """When the last request was sent that failed; `since` when none did after it."""
        return max((each.sent_at for each in self.asked if each.is_error), default=since)

    async def _ask(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        operation = await self._operation(number)
        self.asked.append(Asked(sent_at, loop.time(), operation))

    async def _operation(self, number: int) -> Operation:
        if number % CHANGES_EVERY == 0:
            name = f"steady-{self.client.journal.length}-{number}"
            return await self.client.api("user.create", name, "POST", "/v1/users", {"name": name})
        if number % REVOKES_EVERY == 1 and self._texts:
            text = self._texts.pop()
            return await self.client.revoke(jti_of(text), text, self.secret)
        operation = await self.client.token(self.secret)
        if operation.result is Result.OK:
            self._texts.append(operation.got["access_token"])
        return operation
