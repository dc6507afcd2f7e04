"""The pump: hands out what waits in the outbox, and keeps every channel flowing by itself."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import delete, exists, select

from iam.errors import IamError
from iam.features.deliveries import queries, service
from iam.features.deliveries.queries import Due, DueChannel
from iam.features.deliveries.rules import Outcome
from iam.features.deliveries.service import Attempt, Carrier, Round, Trip
from iam.jobs import Job, Run
from iam.journal import outbox
from iam.kit.ids import IdKind, new_id
from iam.kit.spans import SpanKind
from iam.leases import OUTAGES, Fence, LeaseLostError
from iam.models import MAIN_ACCOUNT, Delivery, DeliveryChannel, DeliveryState
from iam.runtime import Runtime
from iam.work import Caller, UnitOfWork

POLL_SECONDS: Final = 1.0
"""How long an event waits at most before it is noticed."""
IN_PARALLEL: Final = 8
"""Attempts that one channel has under way at most, each of another subject."""
WORKING_CHANNELS: Final = 100
FAILING_CHANNELS: Final = 50
"""Channels drained at once; those that fail have places of their own."""
TRANSACTIONS: Final = 2
"""Connections to the database that all of it takes at most."""
BESIDE_REQUESTS_PER_SECOND: Final = 300
"""Attempts a second at most in a process that serves requests too: on SQLite."""
LATE_SECONDS: Final = 0.02
"""A turn that comes so late says that requests keep the process busy."""
SLOWEST: Final = 32
"""How many times fewer attempts there are then, at most."""
REST: Final = 5
"""How much longer than it took to fan out a batch requests have the process for themselves."""
KEPT: Final = timedelta(days=30)
PRUNED_AT_ONCE: Final = 500

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


class Pump:
    """Fans out and drains, until cancelled.

    Args:
        runtime: Of this process.
        carriers: What serves the kinds of channels.
        per_second: Attempts a second at most; by default unlimited in a process of its own. Where
            there is a limit, requests come first: while they keep the process busy, it is lower.
    """

    def __init__(
        self, runtime: Runtime, carriers: Iterable[Carrier], *, per_second: float | None = None
    ) -> None:
        self._runtime = runtime
        self._carriers = {carrier.kind: carrier for carrier in carriers}
        self._transactions = asyncio.Semaphore(TRANSACTIONS)
        self._draining: dict[str, tuple[asyncio.Task[None], bool]] = {}
        self._wake = asyncio.Event()
        if per_second is None and runtime.database.is_sqlite:
            per_second = BESIDE_REQUESTS_PER_SECOND
        self._spacing = 0.0 if per_second is None else 1 / per_second
        self._next_start = 0.0
        self._slowness = 1.0

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await asyncio.gather(self._fan_out_always(), self._drain_always())
        finally:
            tasks = [task for task, _ in self._draining.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Do what is due now, and return when it is done."""
        while await self.fan_out():
            pass
        while due := await self._due():
            await asyncio.gather(*(self.drain(channel) for channel in due))

    async def fan_out(self) -> int:
        """Fan out one batch of events; returns how many."""
        async with self._work(read_only=True) as uow:
            if not await outbox.is_waiting(uow):
                return 0
        async with self._work() as uow:
            return await service.fan_out(uow, self._carriers)

    async def drain(self, channel: DueChannel) -> None:
        """Attempt what is due in a channel, batch after batch, if nobody else does."""
        carrier = self._carriers.get(channel.kind)
        if carrier is None:
            return
        async with self._runtime.leases.hold(f"deliveries/{channel.id}") as fence:
            if fence is None:
                return
            attempts: Sequence[Attempt] = ()
            while found := await self._turn(fence, carrier, channel.id, attempts):
                attempts = await self._attempt(found)

    async def _turn(
        self, fence: Fence, carrier: Carrier, channel_id: str, attempts: Sequence[Attempt]
    ) -> Round | None:
        """Write down what came of one round and take the next, in one transaction."""
        async with self._work(fence=fence) as uow:
            await service.record(uow, carrier, channel_id, attempts, chance=_chance)
            await uow.flush()
            self._count(carrier.kind, attempts)
            return await service.next_round(uow, carrier, channel_id)

    def _count(self, kind: str, attempts: Sequence[Attempt]) -> None:
        if self._runtime.metrics is not None:
            tally = self._runtime.metrics.attempts
            for _, outcome in attempts:
                # Not the reason: a receiver chooses among hundreds of statuses.
                tally.add(kind, "delivered" if outcome.reason is None else "failed")

    async def _attempt(self, found: Round) -> list[Attempt]:
        """Send, each subject's one after the other; a channel that answers nothing is left soon."""
        if found.trip is None:
            return []
        trip, chains = found.trip, dict[str, list[Due]]()
        for due in found.due:
            chains.setdefault(due.subject_key, []).append(due)
        waiting, attempts = iter(list(chains.values())), list[Attempt]()

        async def work() -> None:
            for chain in waiting:
                for due in chain:
                    if _is_in_vain(attempts):
                        return
                    await self._pace()
                    with self._runtime.traced("deliver", SpanKind.PRODUCER) as span:
                        outcome = await _sent(trip, due)
                        if span is not None:
                            span.attributes["messaging.operation.name"] = due.type
                            span.error = outcome.reason
                    attempts.append((due, outcome))
                    if outcome.reason is not None and not outcome.is_final:
                        break  # what comes later of this subject waits for it

        try:
            await asyncio.gather(*(work() for _ in range(min(IN_PARALLEL, len(chains)))))
        finally:
            await trip.aclose()
        return attempts

    async def _pace(self) -> None:
        if not self._spacing:
            return
        now = asyncio.get_running_loop().time()
        start = self._next_start = max(now, self._next_start + self._spacing * self._slowness)
        await asyncio.sleep(start - now)
        is_late = asyncio.get_running_loop().time() - start > LATE_SECONDS
        wanted = self._slowness * (2 if is_late else 0.9)
        self._slowness = min(max(wanted, 1.0), SLOWEST)

    async def _fan_out_always(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            count = await self._tried(self.fan_out(), 0)
            took = asyncio.get_running_loop().time() - began
            if count:
                self._wake.set()
            full = count == service.FANNED_OUT_AT_ONCE
            # Even a long backlog leaves time for everybody else.
            rest = took * REST if self._spacing else 0.01
            await asyncio.sleep(rest if full else POLL_SECONDS)

    async def _drain_always(self) -> None:
        while True:
            self._wake.clear()
            for channel in await self._tried(self._due(), []):
                if self._has_place(channel):
                    task = asyncio.create_task(self._drain_until_done(channel))
                    self._draining[channel.id] = (task, channel.is_failing)
            await self._until_next()

    async def _until_next(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()

    def _has_place(self, channel: DueChannel) -> bool:
        alike = sum(failing == channel.is_failing for _, failing in self._draining.values())
        places = FAILING_CHANNELS if channel.is_failing else WORKING_CHANNELS
        return channel.id not in self._draining and alike < places

    async def _drain_until_done(self, channel: DueChannel) -> None:
        try:
            await self._tried(self.drain(channel), None)
        finally:
            self._draining.pop(channel.id, None)

    async def _due(self) -> list[DueChannel]:
        limit = WORKING_CHANNELS + FAILING_CHANNELS + len(self._draining)
        async with self._work(read_only=True) as uow:
            return await queries.due_channels(uow, limit=limit)

    async def _tried(self, work: Coroutine[Any, Any, Result], otherwise: Result) -> Result:
        try:
            return await work
        except LeaseLostError:
            return otherwise  # the lease's own log line says so; another process goes on
        except (IamError, *OUTAGES) as error:
            _log.warning(
                "deliveries_interrupted", error=getattr(error, "code", type(error).__name__)
            )
        except Exception:  # noqa: BLE001 -- what breaks one channel must not end the others
            _log.exception("deliveries_broken")
        return otherwise

    @asynccontextmanager
    async def _work(
        self, *, read_only: bool = False, fence: Fence | None = None
    ) -> AsyncIterator[UnitOfWork]:
        root = Caller.root(
            account=MAIN_ACCOUNT,
            partition=self._runtime.settings.partition,
            request_id=new_id(IdKind.REQUEST, self._runtime.clock.now()),
        )
        async with (
            self._transactions,
            self._runtime.begin(root, read_only=read_only, fence=fence) as uow,
        ):
            await uow.see_all_accounts()
            yield uow


async def prune(run: Run) -> None:
    """Remove what ended or happened more than thirty days ago, and closed channels then empty."""
    removed = PRUNED_AT_ONCE
    while removed >= PRUNED_AT_ONCE:
        async with run.begin() as uow:
            await uow.see_all_accounts()
            before = uow.now - KEPT
            events = await outbox.prune(uow, before=before, limit=PRUNED_AT_ONCE)
            over = (
                select(Delivery.id)
                .where(Delivery.state != DeliveryState.PENDING, Delivery.ended_at < before)
                .limit(PRUNED_AT_ONCE)
            )
            removed = max(events, await uow.remove(delete(Delivery).where(Delivery.id.in_(over))))
        run.progress(run.done + removed)
    async with run.begin() as uow:
        await uow.see_all_accounts()
        is_used = exists().where(Delivery.channel_id == DeliveryChannel.id)
        is_over = DeliveryChannel.closed_reason == service.DELETED
        await uow.remove(delete(DeliveryChannel).where(is_over, ~is_used))


JOBS: Final = (
    Job(
        "prune-deliveries",
        "Removes events and deliveries that ended more than thirty days ago",
        "50 * * * *",
        prune,
        is_quiet=True,
    ),
)


async def _sent(trip: Trip, due: Due) -> Outcome:
    try:
        return await trip.send(due)
    except Exception:  # noqa: BLE001 -- a defect of ours must not hold up the whole channel
        _log.exception("delivery_broken", delivery_id=due.id)
        return Outcome("internal_error")


def _is_in_vain(attempts: Sequence[Attempt]) -> bool:
    many = len(attempts) >= IN_PARALLEL
    return many and all(outcome.reason is not None for _, outcome in attempts)


def _chance() -> float:
    return int.from_bytes(os.urandom(8)) / 2**64
