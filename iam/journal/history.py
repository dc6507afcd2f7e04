"""What the audit log knows of the past: changes, newest first, and refusals by their decision."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Executable, Result, select

from iam.models import Account, AuditEntry

MAX_READ: Final = 1_000
"""Entries that one look at the past reads at most."""

_CHUNK: Final = 200


class Reader(Protocol):
    """A unit of work: something that runs a query."""

    async def execute(self, statement: Executable, parameters: Any = None, /) -> Result[Any]:
        """Run the query."""


@dataclass(frozen=True, slots=True)
class PastChange:
    """One event that changed something.

    Attributes:
        id: The event.
        type: What happened.
        at: When.
        actor: The ARN of who did it.
        subject: The ARN of what it happened to.
        target_id: The id of the same.
        before: What was there before, of what changed.
        after: What was there afterwards.
    """

    id: str
    type: str
    at: datetime
    actor: str
    subject: str
    target_id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def entity(self) -> str:
        """What kind of thing it happened to: the second word of the type."""
        return self.type.split(".")[1]

    @property
    def verb(self) -> str:
        """What was done to it."""
        return self.type.split(".")[2]


@dataclass(frozen=True, slots=True)
class Past:
    """Changes, newest first, and whether there are older ones that were not read."""

    changes: Sequence[PastChange]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of our own API, as it was recorded.

    Attributes:
        at: When.
        actor: The ARN of who was refused.
        actor_id: Its id.
        action: What it wanted to do.
        resource: On what.
        reason: What was decided.
        context: The condition keys of the operation.
    """

    at: datetime
    actor: str
    actor_id: str
    action: str
    resource: str
    reason: str
    context: Mapping[str, Any]


async def changes_of(reader: Reader, account: str, targets: Collection[str]) -> Past:
    """What changed these entities of an account, by id."""
    found: list[PastChange] = []
    is_cut = False
    for ids in _parts(sorted(targets)):
        some = await _read(reader, account, AuditEntry.target_id.in_(ids))
        found += some.changes
        is_cut = is_cut or some.is_cut
    return Past(found, is_cut)


async def changes_to(reader: Reader, account: str, subjects: Collection[str]) -> Past:
    """What changed what had these ARNs, whatever its id was."""
    return await _read(
        reader,
        account,
        AuditEntry.subject.in_(sorted(subjects)),
        AuditEntry.type.startswith("iam.resource_policy.", autoescape=True),
    )


async def changes_named(reader: Reader, account: str, types: Collection[str]) -> Past:
    """Events of these types in an account."""
    return await _read(reader, account, AuditEntry.type.in_(sorted(types)))


async def refusal_of(reader: Reader, account: str, decision_id: str) -> Refusal | None:
    """The refusal that this decision made, in the log of this account."""
    row = await _by_decision(reader, account, decision_id, AuditEntry.outcome == "denied")
    if row is None:
        return None
    detail: Mapping[str, Any] = row.detail or {}
    return Refusal(
        row.occurred_at,
        row.actor,
        row.actor_id,
        str(detail.get("action", "")),
        row.subject,
        str(detail.get("reason", "")),
        detail.get("context", {}),
    )


async def was_allowed(reader: Reader, account: str, decision_id: str) -> bool:
    """Whether the log of this account has a change that this decision allowed."""
    is_change = AuditEntry.outcome == "success"
    return await _by_decision(reader, account, decision_id, is_change) is not None


async def _by_decision(
    reader: Reader, account: str, decision_id: str, outcome: ColumnElement[bool]
) -> Any:
    query = select(*_COLUMNS, AuditEntry.__table__.c.detail, AuditEntry.__table__.c.actor_id)
    query = query.where(*_own(account), AuditEntry.decision_id == decision_id, outcome).limit(1)
    return (await reader.execute(query)).first()


async def _read(reader: Reader, account: str, *conditions: ColumnElement[bool]) -> Past:
    query = (
        select(*_COLUMNS)
        .where(*_own(account), AuditEntry.outcome == "success", *conditions)
        .order_by(AuditEntry.id.desc())
        .limit(MAX_READ + 1)
    )
    rows = (await reader.execute(query)).all()
    changes = [
        PastChange(
            row.id,
            row.type,
            row.occurred_at,
            row.actor,
            row.subject,
            row.target_id,
            row.before,
            row.after,
        )
        for row in rows[:MAX_READ]
    ]
    return Past(changes, len(rows) > MAX_READ)


def _own(account: str) -> list[ColumnElement[bool]]:
    """An account that takes the name of a deleted one inherits none of its log (MT-09)."""
    made = select(Account.created_at).where(Account.name == account).scalar_subquery()
    return [AuditEntry.account == account, AuditEntry.occurred_at >= made]


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


_COLUMNS: Any = tuple(
    AuditEntry.__table__.c[name]
    for name in (
        "id", "type", "occurred_at", "actor", "subject", "target_id", "before", "after",
    )
)  # fmt: skip
