"""Refusals go to the audit log in batches, outside the request that was refused.

They must not become a way to make the server write: the queue is bounded, what does not fit is
dropped and counted, and the count is itself written to the audit log.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from iam.journal.events import EventType
from iam.kit.background import BackgroundWriter
from iam.kit.clock import Clock
from iam.kit.database import Database
from iam.kit.ids import IdKind, new_id
from iam.models import MAIN_ACCOUNT, AuditEntry

MAX_WAITING = 10_000
BATCH = 200
FLUSH_SECONDS = 0.5
MAX_SUBJECT = 2_100
"""As wide as the column `subject`."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """One refusal: who wanted what, and which decision refused it.

    `context` are the condition keys of the operation and the request, without the principal's.
    """

    account: str
    actor: str
    actor_id: str
    action: str
    resource: str
    reason: str
    decision_id: str | None
    request_id: str
    address: str | None
    at: datetime
    context: Mapping[str, Any] = field(default_factory=dict)


class DenialWriter(BackgroundWriter):
    """A bounded queue of refusals, and the task that writes them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(seconds=FLUSH_SECONDS)
        self._database = database
        self._clock = clock
        self._waiting: list[Denial] = []
        self._dropped = 0

    def record(self, denial: Denial) -> None:
        """Take note of a refusal; never waits, never raises."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        self._waiting.append(denial)
        self._wake()

    async def _write_waiting(self) -> None:
        while self._waiting or self._dropped:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            dropped, self._dropped = self._dropped, 0
            rows = [_row(denial) for denial in batch]
            if dropped:
                rows.append(_dropped_row(dropped, self._clock.now()))
            try:
                await self._write(rows)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("denials_unwritten", count=len(batch), error=type(error).__name__)
                self._dropped += dropped + len(batch)
                return

    async def _write(self, rows: Sequence[dict[str, object]]) -> None:
        async with self._database.connect(writes=True) as connection, connection.begin():
            await connection.execute(insert(AuditEntry), rows)


def _row(denial: Denial) -> dict[str, object]:
    return {
        "id": new_id(IdKind.EVENT, denial.at),
        "account": denial.account,
        "occurred_at": denial.at,
        "type": EventType.ACCESS_DENIED,
        "outcome": "denied",
        "actor": denial.actor,
        "actor_id": denial.actor_id,
        # A name that nobody has may be of any length. One too long for the column would take the
        # whole batch with it, and be a way not to be recorded (AL-04).
        "subject": denial.resource[:MAX_SUBJECT],
        "target_id": "",
        "detail": _detail(denial),
        "request_id": denial.request_id,
        "decision_id": denial.decision_id,
        "source_address": denial.address,
    }


def _detail(denial: Denial) -> dict[str, object]:
    detail: dict[str, object] = {"action": denial.action, "reason": denial.reason}
    if denial.context:  # each of ours is there twice, under `iam:` and `aws:`
        keys = {key: value for key, value in denial.context.items() if key[:4] != "aws:"}
        detail["context"] = json.loads(json.dumps(keys, default=str))
    return detail


def _dropped_row(count: int, now: datetime) -> dict[str, object]:
    nobody = Denial(
        account=MAIN_ACCOUNT,
        actor="",
        actor_id="",
        action="",
        resource="",
        reason=f"{count} refusals were not recorded",
        decision_id=None,
        request_id="",
        address=None,
        at=now,
    )
    return {**_row(nobody), "type": EventType.DENIALS_DROPPED, "detail": {"count": count}}
