"""Places within a write at which a server can be made to end, as by `kill -9`. For tests only.

A server that was started with `TEST_FAIL_POINTS` looks into the file of that name whenever the
write of a request comes by one of them. If the file names the place, the process kills itself
there: nothing of it runs again, no handler, no flush.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from iam.kit.log_context import REQUEST

FILE: Final = "TEST_FAIL_POINTS"

WRITE_POINTS: Final = (
    "before_transaction",
    "before_revocation",
    "in_transaction",
    "after_commit",
    "after_commit_before_answer",
    "before_token_is_written",
    "token_written_before_answer",
)
"""Of the writes of requests, in order: those of the API and revocations, and those of tokens."""
DELIVERY_POINTS: Final = ("after_outbox_claim", "after_send_before_mark")
"""Of deliveries."""


def install() -> None:
    """Put the places into the server, if that was asked for."""
    file = os.environ.get(FILE)
    if file is None:
        return
    pass_by = _Passing(Path(file)).by
    _watch_units_of_work(pass_by)
    _watch_revocations(pass_by)
    _watch_answers(pass_by)
    _watch_tokens(pass_by)
    _watch_deliveries(pass_by)


class _Passing:
    def __init__(self, file: Path) -> None:
        self._file = file

    def by(self, point: str) -> None:
        """End here, if this is the place."""
        try:
            wanted = self._file.read_text(encoding="ascii")
        except FileNotFoundError:
            return
        if wanted == point:
            os.kill(os.getpid(), signal.SIGKILL)


PassBy = Callable[[str], None]


def _watch_units_of_work(pass_by: PassBy) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession

    from iam.work import unit_of_work

    class Watched(AsyncSession):
        async def commit(self) -> None:
            _pass_in_request(pass_by, "in_transaction")
            await super().commit()
            _pass_in_request(pass_by, "after_commit")

    class Session(Watched):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            _pass_in_request(pass_by, "before_transaction")
            super().__init__(*arguments, **options)

    vars(unit_of_work)["AsyncSession"] = Session


def _watch_revocations(pass_by: PassBy) -> None:
    from iam.features.revocation import service

    revoke = service.revoke_token

    async def watched(uow: Any, **options: Any) -> None:
        pass_by("before_revocation")
        await revoke(uow, **options)

    _put(service, "revoke_token", watched)


def _watch_answers(pass_by: PassBy) -> None:
    from iam.http import edge

    send = edge._Exchange.send

    async def watched(exchange: Any, message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] in {200, 201, 204}:
            scope = exchange._scope
            if scope["method"] != "GET" and scope["path"] != "/oauth2/token":
                pass_by("after_commit_before_answer")
        await send(exchange, message)

    _put(edge._Exchange, "send", watched)


def _watch_tokens(pass_by: PassBy) -> None:
    from iam.work import ledger

    found = ledger._store

    def store(database: Any) -> Any:
        made = found(database)
        write = made.write

        async def watched(issuances: Any) -> Any:
            pass_by("before_token_is_written")
            refused = await write(issuances)
            pass_by("token_written_before_answer")
            return refused

        vars(made)["write"] = watched
        return made

    _put(ledger, "_store", store)


def _watch_deliveries(pass_by: PassBy) -> None:
    from iam.features.deliveries import jobs

    attempt = jobs.Pump._attempt

    async def watched(pump: Any, found: Any) -> Any:
        if found.trip is not None:
            pass_by("after_outbox_claim")
        attempts = await attempt(pump, found)
        if attempts:
            pass_by("after_send_before_mark")
        return attempts

    _put(jobs.Pump, "_attempt", watched)


def _pass_in_request(pass_by: PassBy, point: str) -> None:
    """Only where a request asked for the write: jobs write, too."""
    if REQUEST.get() is not None:
        pass_by(point)


def _put(owner: Any, name: str, replacement: object) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no `{name}` to watch")
    setattr(owner, name, replacement)
