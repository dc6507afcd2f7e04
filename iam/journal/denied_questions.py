"""Denied questions go to their table in batches, outside the request that asked.

As with refusals (`denials.py`), they must not become a way to make the server write: the queue is
bounded, and one question is one row, however often it is asked. What does not fit is forgotten and
counted in the log: who asks why about it is told to name the question.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from iam.kit.background import BackgroundWriter
from iam.kit.database import Database
from iam.kit.framing import framed
from iam.models import DeniedQuestion

MAX_WAITING: Final = 10_000
BATCH: Final = 200
FLUSH_SECONDS: Final = 1.0
MAX_CONTEXT: Final = 4_096
"""Characters of a context, as JSON, that are kept."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """One denied question: who would have done what, who asked, and which decision said no.

    Attributes:
        account: That of the principal.
        principal_id: Whom it was about.
        principal: Its ARN.
        session: The ARN of the session it was about, if it was.
        action: What.
        resource: On what.
        context: The condition keys that do not follow from principal and time.
        asker: Who asked.
        asker_id: Its id.
        effect: What was decided.
        decision_id: Which decision.
        at: When.
    """

    account: str
    principal_id: str
    principal: str
    session: str | None
    action: str
    resource: str
    context: Mapping[str, Any]
    asker: str
    asker_id: str
    effect: str
    decision_id: str
    at: datetime


class DeniedQuestions(BackgroundWriter):
    """A bounded queue of denied questions, and the task that writes them."""

    def __init__(self, database: Database) -> None:
        super().__init__(seconds=FLUSH_SECONDS)
        self._database = database
        self._waiting: list[Denied] = []
        self._dropped = 0
        self._upsert = _upsert(database)

    def record(self, denied: Denied) -> None:
        """Take note of a question; never waits, never raises."""
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        self._waiting.append(denied)
        self._wake()

    async def _write_waiting(self) -> None:
        while self._waiting or self._dropped:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            dropped, self._dropped = self._dropped, 0
            if dropped:
                _log.warning("denied_questions_dropped", count=dropped)
            try:
                await self._write(_rows(batch))
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                kind = type(error).__name__
                _log.warning("denied_questions_unwritten", count=len(batch), error=kind)
                return

    async def _write(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            async with self._database.connect(writes=True) as connection, connection.begin():
                await connection.execute(self._upsert, rows)


def _rows(batch: list[Denied]) -> list[dict[str, Any]]:
    """One row a question, in one order for all replicas, so that two cannot deadlock."""
    rows: dict[str, dict[str, Any]] = {}
    for denied in batch:
        row = _row(denied)
        earlier = rows.get(row["question_key"])
        if earlier is not None:
            row["times"] += earlier["times"]
            row["first_at"] = earlier["first_at"]
            row["first_decision_id"] = earlier["first_decision_id"]
        rows[row["question_key"]] = row
    return [rows[key] for key in sorted(rows)]


def _row(denied: Denied) -> dict[str, Any]:
    text = json.dumps(dict(denied.context), sort_keys=True, default=str)
    same = (denied.principal_id, denied.session or "", denied.action, denied.resource, text)
    key = framed(denied.account, *same, denied.asker_id, denied.effect)
    return {
        "question_key": hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest(),
        "account": denied.account,
        "principal_id": denied.principal_id,
        "principal": denied.principal,
        "session": denied.session,
        "action": denied.action,
        "resource": denied.resource,
        "context": json.loads(text) if len(text) <= MAX_CONTEXT else None,
        "asker": denied.asker,
        "asker_id": denied.asker_id,
        "effect": denied.effect,
        "first_decision_id": denied.decision_id,
        "decision_id": denied.decision_id,
        "times": 1,
        "first_at": denied.at,
        "last_at": denied.at,
    }


def _upsert(database: Database) -> Any:
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    statement = insert(DeniedQuestion)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["question_key"],
        set_={
            "decision_id": new.decision_id,
            "last_at": new.last_at,
            "times": DeniedQuestion.times + new.times,
        },
    )
