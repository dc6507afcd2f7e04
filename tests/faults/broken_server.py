"""`iam serve` with one defect put into it, which `TEST_DEFECT` names, or none. Run by tests only.

    TEST_DEFECT=token_before_ledger python -m tests.faults.broken_server serve --port 0

Each defect is one that such a service could really have: an answer that leaves before the commit,
an event that is written beside the change and not with it. Those that need an unlucky moment get
`_UNLUCKY_SECONDS` of it. `fail_points.py` says how the process can be made to end in such a moment.
"""

import asyncio
import functools
import os
import time
from collections.abc import Callable
from typing import Any, Final

import fastapi

from tests.faults import fail_points

DEFECT: Final = "TEST_DEFECT"
CLOCK: Final = "TEST_CLOCK_AHEAD"
"""So many seconds is the clock of this process ahead of that of its machine."""
_UNLUCKY_SECONDS: Final = 0.05
_background: set[asyncio.Task[None]] = set()


def token_before_ledger() -> None:
    """A token leaves while its ledger row is still on the way to the disk."""
    from iam.work import issuance, ledger

    submit, write = ledger.LedgerBatch.submit, ledger.LedgerBatch._write

    def submit_and_forget(
        self: ledger.LedgerBatch, asked: issuance.Issuance
    ) -> "asyncio.Future[issuance.Refusal | None]":
        submit(self, asked)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(None)
        return answer

    async def write_late(self: ledger.LedgerBatch, batch: Any) -> None:
        await asyncio.sleep(_UNLUCKY_SECONDS)
        await write(self, batch)

    _put(ledger.LedgerBatch, "submit", submit_and_forget)
    _put(ledger.LedgerBatch, "_write", write_late)


def answer_before_commit() -> None:
    """The unit of work ends after the answer has left: FastAPI's own default."""
    depends = fastapi.Depends

    def depends_on_request(dependency: Callable[..., Any] | None = None, **_options: Any) -> Any:
        return depends(dependency)

    _put(fastapi, "Depends", depends_on_request)
    _finish_late()


def event_beside_the_change() -> None:
    """The change is committed, and then its event in another transaction."""
    from iam.journal.write import journal_rows, touched_entities
    from iam.work import unit_of_work

    async def finish(uow: unit_of_work.UnitOfWork) -> None:
        if uow.read_only:
            return
        await uow.session.flush()
        changes = uow.recorder.changes
        await uow.session.commit()
        await asyncio.sleep(_UNLUCKY_SECONDS)
        rows = journal_rows(
            events=uow.events, changes=changes, author=unit_of_work._author(uow), now=uow.now
        )
        uow.session.add_all(rows)
        await uow.session.commit()
        uow.tools.changes.apply(touched_entities(rows))

    _put(unit_of_work, "_finish", finish)


def revocation_in_memory() -> None:
    """A revocation is acknowledged, and written some time later."""
    from iam.features.revocation import service

    revoke = service.RevocationEndpoint.revoke

    async def revoke_behind(self: service.RevocationEndpoint, *arguments: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(2 * _UNLUCKY_SECONDS)
            await revoke(self, *arguments)

        task = asyncio.create_task(later())
        _background.add(task)
        task.add_done_callback(_background.discard)

    _put(service.RevocationEndpoint, "revoke", revoke_behind)


def revoked_credential_works() -> None:
    """Nobody looks whether a credential still counts."""
    from iam.features.credentials import rules, snapshots
    from iam.work import issuance, ledger

    submit = ledger.LedgerBatch.submit
    find = snapshots.ClientSnapshots.find_secret
    kept: dict[str, rules.ClientCredential] = {}

    async def find_for_good(
        self: snapshots.ClientSnapshots, text: str, **options: Any
    ) -> rules.ClientCredential | None:
        found = await find(self, text, **options)
        if found is not None:
            kept.setdefault(text, found)
        return kept.get(text)

    def submit_unproven(
        self: ledger.LedgerBatch, asked: issuance.Issuance
    ) -> "asyncio.Future[issuance.Refusal | None]":
        return submit(self, asked._replace(credential_id=None))

    _put(snapshots.ClientSnapshots, "find_secret", find_for_good)
    _put(rules.ClientCredential, "is_live", lambda _self, _now: True)
    _put(ledger.LedgerBatch, "submit", submit_unproven)


def key_not_remembered() -> None:
    """A retry with the same `Idempotency-Key` is done once more."""
    from iam.http import idempotency

    async def forget(*_arguments: Any, **_options: Any) -> None:
        return None

    _put(idempotency, "remember", forget)


DEFECTS: Final = {
    defect.__name__: defect
    for defect in (
        token_before_ledger,
        answer_before_commit,
        event_beside_the_change,
        revocation_in_memory,
        revoked_credential_works,
        key_not_remembered,
    )
}


def _finish_late() -> None:
    from iam.work import unit_of_work

    finish = unit_of_work._finish

    @functools.wraps(finish)
    async def finish_late(uow: unit_of_work.UnitOfWork) -> None:
        if not uow.read_only:
            await asyncio.sleep(_UNLUCKY_SECONDS)
        await finish(uow)

    _put(unit_of_work, "_finish", finish_late)


def _set_clock(ahead: float) -> None:
    from iam.kit.clock import SystemClock

    _put(SystemClock, "__init__", functools.partialmethod(SystemClock.__init__, _wall(ahead)))


def _wall(ahead: float) -> Callable[[], float]:
    return lambda: time.time() + ahead  # noqa: TID251 -- the wrong clock has to come from a right one


def _put(owner: Any, name: str, replacement: object) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no `{name}` to put a defect into")
    setattr(owner, name, replacement)


def main() -> None:
    """Put the defect and the fail-points in and run the command line."""
    defect = os.environ.get(DEFECT)
    if defect is not None:
        DEFECTS[defect]()
    if CLOCK in os.environ:
        _set_clock(float(os.environ[CLOCK]))
    fail_points.install()
    # Imported now: what is patched above must not be bound before.
    from iam.cli import main as run

    run()


if __name__ == "__main__":
    main()
