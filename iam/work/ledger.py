"""The ledger's committer: requests that arrive together share one commit.

A request for a token enqueues one `Issuance` and waits; a single task takes all that wait, writes
them in one transaction and answers each. What writes looks at the *current* state of principal,
account and credential, under the issuance gate (`gate.py`), so that nothing is issued after a
disable or a revoke has been acknowledged, whatever snapshot the request was judged by; and nothing
is answered before it is durable.

Nobody waits for long: the queue is bounded, each batch has a deadline, and when the database is
away all that wait are refused at once.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

import structlog

from iam.errors import IamError, unavailable
from iam.kit.database import Database
from iam.work.collisions import retried
from iam.work.issuance import Issuance, Refusal, Store

MAX_BATCH: Final = 256
"""How many tokens one transaction writes at most."""
MAX_WAITING: Final = 4096
"""How many requests may wait; more are refused, so that a stall cannot pile them up."""
WRITE_SECONDS: Final = 4.0
"""How long one batch may take, connecting included, before its requests are refused."""

_log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    issuance: Issuance
    answer: asyncio.Future[Refusal | None]


class LedgerBatch:
    """Takes issuances one by one and writes them together. Started and stopped with the runtime."""

    def __init__(self, database: Database) -> None:
        self._store = _store(database)
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    def submit(self, issuance: Issuance) -> asyncio.Future[Refusal | None]:
        """Enqueue a token. Once the future has the result `None`, the token is durable.

        A `Refusal` means that it was not written and must not leave. The future raises `IamError`
        of kind `unavailable` when the database did not take the batch; whether it kept the row is
        then unknown. Raises the same here when too many wait already, or nobody writes.
        """
        if self._task is None or self._is_stopping or len(self._waiting) >= MAX_WAITING:
            raise _unavailable("ledger_overloaded", "too many tokens wait to be issued; try again")
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(issuance, answer))
        self._wake.set()
        return answer

    async def start(self) -> None:
        """Write in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Take nothing more, write what waits, and end."""
        self._is_stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None
        await self._store.close()

    async def _run(self) -> None:
        while self._waiting or not self._is_stopping:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._write(self._take())

    def _take(self) -> list[_Waiting]:
        """The next batch. Of those that use up the same id, one; the others are judged after it."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        used: set[tuple[str | None, str]] = set()
        while self._waiting and len(batch) < MAX_BATCH:
            waiting = self._waiting.popleft()
            if (once_id := waiting.issuance.once_id) is not None:
                once = (waiting.issuance.once_kind, once_id)
                if once in used:
                    later.append(waiting)
                    continue
                used.add(once)
            batch.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        issuances = [waiting.issuance for waiting in batch]
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                refused = await retried(lambda: self._store.write(issuances))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the next batch must be tried
            self._fail([*batch, *self._waiting], error)
            return
        for waiting in batch:
            if not waiting.answer.done():  # its request may have gone away
                waiting.answer.set_result(refused.get(waiting.issuance.jti))

    def _fail(self, all_waiting: list[_Waiting], error: Exception) -> None:
        # Those that still wait would only find out the same, later.
        self._waiting.clear()
        _log.warning("ledger_unwritten", count=len(all_waiting), error=type(error).__name__)
        for waiting in all_waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(
                    _unavailable("database_unavailable", "the database does not answer; try again")
                )


def _store(database: Database) -> Store:
    # Imported here, so that a start does not wait for the driver that it does not use.
    if database.is_sqlite:
        from iam.work.ledger_sqlite import SqliteLedger

        return SqliteLedger(database)
    from iam.work.ledger_postgresql import PostgresLedger

    return PostgresLedger(database)


def _unavailable(code: str, message: str) -> IamError:
    return unavailable(code, message, retry_after=1)
