"""A value that is fetched, served while it is usable, and renewed before it must be.

`Slot` is the state, without a clock or I/O. `Renewer` and `AsyncRenewer` drive it: one flight at a
time, no lock held across it, and whoever has a usable value never waits for it.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from iam_sdk.errors import IamSdkError, TransportError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """A value, the instant from which it should be renewed, and the one until which it serves."""

    value: T
    renew_at: float
    usable_until: float


class Slot(Generic[T]):
    """What is known: the last value, the last attempt, the last failure.

    ``cooldown`` seconds pass between the starts of attempts; when ``after_failure_only`` is set, a
    success ends the wait. While there has never been a value, ``first_cooldown`` seconds pass and
    then twice as many each time, up to ``cooldown``.
    """

    def __init__(
        self,
        cooldown: float,
        *,
        after_failure_only: bool = False,
        first_cooldown: float | None = None,
    ) -> None:
        self.fetched: Fetched[T] | None = None
        self.failure: IamSdkError | None = None
        self.started_at = float("-inf")
        self._not_before = float("-inf")
        self._cooldown = cooldown
        self._next_cooldown = cooldown if first_cooldown is None else first_cooldown
        self._after_failure_only = after_failure_only

    def usable(self, now: float) -> T | None:
        """The value, while it may be served."""
        fetched = self.fetched
        return fetched.value if fetched is not None and now < fetched.usable_until else None

    def is_due(self, now: float) -> bool:
        """Whether the value should be renewed."""
        return self.fetched is None or now >= self.fetched.renew_at

    def may_attempt(self, now: float) -> bool:
        """Whether the cool-down since the last attempt is over."""
        return now >= self._not_before

    def begin(self, now: float) -> None:
        """An attempt starts."""
        self.started_at = now
        self._not_before = now + self._next_cooldown
        self._next_cooldown = min(2 * self._next_cooldown, self._cooldown)

    def succeed(self, fetched: Fetched[T]) -> None:
        """The attempt brought a value."""
        self.fetched = fetched
        self.failure = None
        if self._next_cooldown < self._cooldown:
            self._next_cooldown = self._cooldown
            self._not_before = self.started_at + self._cooldown
        if self._after_failure_only:
            self._not_before = self.started_at

    def fail(self, error: Exception) -> None:
        """The attempt brought nothing; the earlier value stays."""
        if not isinstance(error, IamSdkError):
            error = TransportError("unexpected", type(error).__name__)
        self.failure = error


class Renewer(Generic[T]):
    """Drives a slot from threads; the fetch runs in one of its own."""

    def __init__(
        self,
        slot: Slot[T],
        fetch: Callable[[], Fetched[T]],
        *,
        clock: Callable[[], float],
        patience: float,
    ) -> None:
        self.slot = slot
        self._fetch = fetch
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None

    def peek(self) -> T | None:
        """The usable value, at once; a renewal that is due starts in the background."""
        now = self._clock()
        if self.slot.is_due(now):
            self.launch()
        return self.slot.usable(now)

    def get(self) -> T | None:
        """The usable value; waits for a flight only when there is none."""
        value = self.peek()
        return value if value is not None else self.renewed()

    def renewed(self) -> T | None:
        """The usable value after one more attempt, if the cool-down allows one."""
        flight = self.launch()
        if flight is not None:
            self._wait(flight)
        return self.slot.usable(self._clock())

    async def renewed_async(self) -> T | None:
        """As `renewed`, for callers on an event loop, which goes on meanwhile."""
        flight = self.launch()
        if flight is not None:
            # wait() leaves the flight to the others when this caller gives up.
            await asyncio.wait({asyncio.wrap_future(flight)}, timeout=self._patience)
        return self.slot.usable(self._clock())

    def launch(self) -> "Future[None] | None":
        """Start a flight or join the one under way; None while the cool-down lasts."""
        with self._lock:
            now = self._clock()
            # A flight may be lost with its thread in a forked child: do not wait for it for ever.
            if self._flight is not None and now < self.slot.started_at + 2 * self._patience:
                return self._flight
            if not self.slot.may_attempt(now):
                return None
            self.slot.begin(now)
            flight = self._flight = Future()
        threading.Thread(
            target=self._fly, args=(flight,), name="iam-sdk-renewal", daemon=True
        ).start()
        return flight

    def _fly(self, flight: "Future[None]") -> None:
        try:
            self.slot.succeed(self._fetch())
        except Exception as error:  # noqa: BLE001 - a dead thread would leave its waiters alone
            self.slot.fail(error)
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            flight.set_result(None)

    def _wait(self, flight: "Future[None]") -> None:
        try:
            flight.result(self._patience)
        except TimeoutError:
            self.slot.fail(TransportError("timeout"))


class AsyncRenewer(Generic[T]):
    """Drives a slot from one event loop; the fetch is a task of its own."""

    def __init__(
        self,
        slot: Slot[T],
        fetch: Callable[[], Awaitable[Fetched[T]]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self.slot = slot
        self._fetch = fetch
        self._clock = clock
        self._flight: asyncio.Task[None] | None = None

    async def get(self) -> T | None:
        """The usable value; waits for a flight only when there is none."""
        now = self._clock()
        if self.slot.is_due(now):
            self.launch()
        value = self.slot.usable(now)
        return value if value is not None else await self.renewed()

    async def renewed(self) -> T | None:
        """The usable value after one more attempt, if the cool-down allows one."""
        flight = self.launch()
        if flight is not None:
            # Shielded: one caller that gives up must not take the token from the others.
            await asyncio.shield(flight)
        return self.slot.usable(self._clock())

    def launch(self) -> "asyncio.Task[None] | None":
        """Start a flight or join the one under way; None while the cool-down lasts."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        now = self._clock()
        if not self.slot.may_attempt(now):
            return None
        self.slot.begin(now)
        self._flight = asyncio.get_running_loop().create_task(self._fly())
        return self._flight

    async def _fly(self) -> None:
        try:
            self.slot.succeed(await self._fetch())
        except Exception as error:  # noqa: BLE001 - every waiter gets the reason from the slot
            self.slot.fail(error)
