"""One holder among the replicas, with a fencing token.

A lease is a row. Whoever writes itself into it, while nobody holds it, may do alone what the lease
stands for, until the lease ends by the clock of the *database*. Each time it changes hands its
**fence** grows. Everything that the holder writes is committed together with a look at the lease
(`check_fence`): a holder that was paused, cut off or slow, and whom somebody may have replaced
meanwhile, can write nothing any more, whatever it believes.

The holder renews in the background. By its own monotonic clock it stops before the lease ends, so
that what no transaction can take back, such as a mail, does not happen after the lease either.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, DateTime, Executable, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from iam.errors import ErrorKind, IamError
from iam.kit.database import Database
from iam.models import Lease

RENEWED_AFTER: Final = 1 / 3
"""The part of the lease after which it is renewed."""
TRIED_AGAIN_AFTER: Final = 1 / 30
"""The part of the lease after which a renewal that failed is tried again."""
TRUSTED_FOR: Final = 2 / 3
"""The part of the lease for which the holder believes in it without another renewal."""

OUTAGES: Final = (SQLAlchemyError, OSError, TimeoutError)
"""What the driver raises when the database does not answer."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write as the holder of a lease.

    Attributes:
        lease: The lease's name.
        token: Grows whenever the lease changes hands.
    """

    lease: str
    token: int


class LeaseLostError(IamError):
    """The lease is no longer ours: somebody else holds it, or may do so soon."""

    def __init__(self, fence: Fence) -> None:
        message = f"lease `{fence.lease}` is no longer held under fence {fence.token}"
        super().__init__(ErrorKind.CONFLICT, "lease_lost", message)


class Leases:
    """Takes, renews and gives back leases for one process.

    Args:
        database: Where they are.
        length: How long one lasts without being renewed.
        holder: What an operator may call this process; does not have to be unique.
    """

    def __init__(self, database: Database, *, length: timedelta, holder: str | None = None) -> None:
        self._database = database
        self._time = _Time(is_sqlite=database.is_sqlite)
        self.length = length
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}"

    async def acquire(self, name: str) -> Fence | None:
        """Take a lease that nobody holds; `None` when somebody does."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        held = {"holder": self.holder, "expires_at": self._time.after(self.length)}
        statement = (
            insert(Lease)
            .values(name=name, fence=1, **held)
            .on_conflict_do_update(
                index_elements=["name"],
                set_={"fence": Lease.fence + 1, **held},
                where=Lease.expires_at <= self._time.now,
            )
            .returning(Lease.fence)
        )
        found = await self._run(statement)
        return Fence(name, found[0]) if found else None

    async def renew(self, fence: Fence) -> bool:
        """Hold a lease for its full length again; whether it was still ours."""
        end = self._time.after(self.length)
        statement = update(Lease).where(*_is_held(fence, self._time)).values(expires_at=end)
        return bool(await self._run(statement.returning(Lease.fence)))

    async def release(self, fence: Fence) -> None:
        """Give a lease back before it ends; does nothing when it is no longer ours."""
        statement = update(Lease).where(*_is_held(fence, self._time))
        await self._run(statement.values(expires_at=self._time.now).returning(Lease.fence))

    async def live(self, names: Sequence[str]) -> set[str]:
        """Which of these leases somebody holds now."""
        query = select(Lease.name).where(Lease.name.in_(names), Lease.expires_at > self._time.now)
        async with self._database.connect(writes=False) as connection:
            return set((await connection.execute(query)).scalars())

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Fence | None]:
        """Hold a lease, renewed in the background, until the block is left; `None` if taken.

        When the lease is lost, or cannot be renewed in time, the block is cancelled, and
        `LeaseLostError` is raised in its place. Raises one of `OUTAGES` when the database does
        not answer at the beginning.
        """
        began = asyncio.get_running_loop().time()
        fence = await self.acquire(name)
        if fence is None:
            yield None
            return
        try:
            async with self._kept(fence, began):
                yield fence
        finally:
            with suppress(*OUTAGES):  # then it ends by itself
                await self.release(fence)

    @asynccontextmanager
    async def _kept(self, fence: Fence, began: float) -> AsyncIterator[None]:
        trust = TRUSTED_FOR * self.length.total_seconds()
        scope = asyncio.timeout_at(began + trust)
        try:
            async with scope:
                keeper = asyncio.create_task(self._keep(fence, scope, trust))
                try:
                    yield
                finally:
                    keeper.cancel()
                    await asyncio.gather(keeper, return_exceptions=True)
        except TimeoutError:
            if not scope.expired():  # a timeout of the holder's own making
                raise
            _log.warning("lease_lost", lease=fence.lease, fence=fence.token, holder=self.holder)
            raise LeaseLostError(fence) from None

    async def _keep(self, fence: Fence, scope: asyncio.Timeout, trust: float) -> None:
        """Renew again and again; each renewal moves the end of the block's time."""
        loop = asyncio.get_running_loop()
        seconds = self.length.total_seconds()
        pause = RENEWED_AFTER * seconds
        while True:
            await asyncio.sleep(pause)
            began = loop.time()
            try:
                is_ours = await self.renew(fence)
            except OUTAGES as error:
                _log.warning("lease_unrenewed", lease=fence.lease, error=type(error).__name__)
                pause = TRIED_AGAIN_AFTER * seconds
                continue
            pause = RENEWED_AFTER * seconds
            if not scope.expired():
                scope.reschedule(began + trust if is_ours else began)

    async def _run(self, statement: Executable) -> Sequence[Any]:
        async with self._database.connect(writes=True) as connection, connection.begin():
            return (await connection.execute(statement)).scalars().all()


async def check_fence(session: AsyncSession, fence: Fence, *, is_sqlite: bool) -> None:
    """See that the lease is held under this fence, and stays so until the transaction ends.

    The last thing before a commit: until then nobody else can take the lease. Raises
    `LeaseLostError`.
    """
    time = _Time(is_sqlite=is_sqlite)
    query = select(Lease.fence).where(*_is_held(fence, time)).with_for_update(read=True)
    if await session.scalar(query) is None:
        _log.warning("write_refused", lease=fence.lease, fence=fence.token)
        raise LeaseLostError(fence)


@dataclass(frozen=True, slots=True)
class _Time:
    """The clock of the database: on PostgreSQL one for all replicas."""

    is_sqlite: bool

    @property
    def now(self) -> ColumnElement[Any]:
        """This very instant, not the beginning of the transaction."""
        return self.after(timedelta(0))

    def after(self, length: timedelta) -> ColumnElement[Any]:
        """That much later."""
        if self.is_sqlite:
            # Milliseconds are the most that SQLite tells; the zeros make it what is stored.
            later = f"{length.total_seconds():+.3f} seconds"
            return func.strftime("%Y-%m-%d %H:%M:%f000", "now", later)
        return func.clock_timestamp(type_=DateTime(timezone=True)) + length


def _is_held(fence: Fence, time: _Time) -> tuple[ColumnElement[bool], ...]:
    return Lease.name == fence.lease, Lease.fence == fence.token, Lease.expires_at > time.now
