"""Events and recorded changes become audit, outbox and change-log rows, just before the commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iam.journal.events import Event
from iam.journal.record import RowChange, Values
from iam.kit.ids import IdKind, new_id
from iam.models import AuditEntry, Base, Change, OutboxMessage

_OF_NO_AUDITED_ROW = ("iam.token.", "iam.access.", "iam.audit_log.", "iam.job_run.", "iam.mail.")


class UnrecordedChangeError(RuntimeError):
    """An audited row changed and no event names it. A bug: the transaction must not commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changed it, from where, in which request."""

    arn: str
    id: str
    request_id: str
    address: str | None
    decision_id: str | None = None


def journal_rows(
    *, events: Sequence[Event], changes: Sequence[RowChange], author: Author, now: datetime
) -> list[Base]:
    """The rows that one transaction owes to the audit log, the outbox and the change log.

    An event about an audited entity of which nothing changed is left out: setting a value to what
    it was is no event. Raises `UnrecordedChangeError` when a change has no event, or two.
    """
    _check(events, changes)
    rows: list[Base] = []
    for event in events:
        mine = [change for change in changes if change.target_id == event.target_id]
        if mine or not _is_audited(event):
            rows += _event_rows(event, mine, author, now)
    return [*rows, *_change_rows(events, changes, now)]


def _check(events: Sequence[Event], changes: Sequence[RowChange]) -> None:
    named = [event.target_id for event in events]
    for change in changes:
        if (found := named.count(change.target_id)) != 1:
            message = f"{change.table} {change.target_id} changed with {found} events, expected 1"
            raise UnrecordedChangeError(message)


def _is_audited(event: Event) -> bool:
    # A token is no audited row: its revocation is an event although only the ledger changed.
    return not event.type.startswith(_OF_NO_AUDITED_ROW)


def _event_rows(
    event: Event, changes: Sequence[RowChange], author: Author, now: datetime
) -> Iterable[Base]:
    before = _merge((change.table, change.is_own, change.before) for change in changes)
    after = _merge((change.table, change.is_own, change.after) for change in changes)
    event_id = new_id(IdKind.EVENT, now)
    yield AuditEntry(
        id=event_id,
        account=event.account,
        occurred_at=now,
        type=event.type,
        outcome="success",
        actor=author.arn,
        actor_id=author.id,
        subject=event.subject,
        target_id=event.target_id,
        before=before,
        after=after,
        detail=dict(event.detail) or None,
        request_id=author.request_id,
        decision_id=author.decision_id,
        source_address=author.address,
    )
    payload = {"actor": author.arn, "before": before, "after": after, "detail": dict(event.detail)}
    yield OutboxMessage(
        id=event_id,
        account=event.account,
        type=event.type,
        subject=event.subject,
        payload=payload,
        created_at=now,
    )


def _merge(parts: Iterable[tuple[str, bool, Values | None]]) -> dict[str, Any] | None:
    """The entity's own columns side by side; rows that hang on it as lists under their table."""
    merged: dict[str, Any] = {}
    for table, is_own, values in parts:
        if values is None:
            continue
        if is_own:
            merged.update(values)
        else:
            merged.setdefault(table, []).append(values)
    return merged or None


def _change_rows(
    events: Sequence[Event], changes: Sequence[RowChange], now: datetime
) -> Iterable[Base]:
    account_of = {event.target_id: event.account for event in events}
    touched = {
        entity: account_of[change.target_id] for change in changes for entity in change.touches
    }
    touched.update({event.target_id: event.account for event in events if not _is_audited(event)})
    for entity, account in touched.items():
        yield Change(account=account, entity_id=entity, changed_at=now)


def touched_entities(rows: Iterable[Base]) -> list[str]:
    """The entity ids among journal rows, for the snapshots of this very process."""
    return [row.entity_id for row in rows if isinstance(row, Change)]
