"""Reading audit entries, newest first. Bound to one account."""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from iam.kit.framing import framed
from iam.kit.ids import IdKind, first_id
from iam.kit.pages import Page
from iam.models import Account, AuditEntry
from iam.work import UnitOfWork

MOST_LOOKED_AT: Final = 20_000
"""How many entries one page may look at for those that were asked for (DS-15)."""
_LATE: Final = timedelta(hours=1)
"""How much later than its entry an id may be; seconds, in truth."""
_LAST_YEAR: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which entries to list. What is `None` does not narrow.

    Attributes:
        type: Exactly this event type, or all that begin with it when it ends in `*`.
        actor: The ARN or id of who did it.
        target: The ARN or id of what it happened to.
        outcome: `success` or `denied`.
        decision_id: The decision of a refusal.
        request_id: The request that did it.
        since: Not before this instant.
        until: Before this instant.
    """

    type: str | None = None
    actor: str | None = None
    target: str | None = None
    outcome: str | None = None
    decision_id: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_indexed(self) -> bool:
        """Whether the entries are found without looking at others in between."""
        exact = self.decision_id or (self.target and not _is_arn(self.target))
        return bool(exact) or not (
            self.type or self.actor or self.target or self.outcome or self.request_id
        )


async def list_entries(
    uow: UnitOfWork, wanted: EventFilter, *, limit: int, cursor: str | None
) -> Page[AuditEntry]:
    """One page of the account's entries. Ids are in the order of time, so they sort.

    Whatever is asked for, a page looks at no more than `MOST_LOOKED_AT` entries: one that found
    less than `limit` among so many is short, or empty, and the next one goes on from there.
    """
    scope = framed("audit", uow.caller.account, *(str(value) for value in astuple(wanted)))
    bounds = _bounds(wanted)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        bounds.append(AuditEntry.id < last)
    end = None if wanted.is_indexed else await _end_of_look(uow, bounds)
    if end is not None:
        bounds.append(AuditEntry.id >= end)
    query = select(AuditEntry).where(*_own(uow), *_conditions(wanted), *bounds)
    rows = (await uow.scalars(query.order_by(AuditEntry.id.desc()).limit(limit + 1))).all()
    page = Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))
    if page.next_cursor is None and end is not None:
        return Page(page.items, uow.tools.cursors.encode([end], scope=scope))
    return page


async def _end_of_look(uow: UnitOfWork, bounds: list[ColumnElement[bool]]) -> str | None:
    """The last entry that a page may look at; `None` if there are not so many."""
    query = select(AuditEntry.id).where(AuditEntry.account == uow.caller.account, *bounds)
    query = query.order_by(AuditEntry.id.desc()).offset(MOST_LOOKED_AT).limit(1)
    found: str | None = await uow.scalar(query)
    return found


def _bounds(wanted: EventFilter) -> list[ColumnElement[bool]]:
    """Between which ids the entries of that time are; what is exact is left to `_conditions`."""
    bounds: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        bounds.append(AuditEntry.id >= first_id(IdKind.EVENT, wanted.since))
    if wanted.until is not None and wanted.until < _LAST_YEAR:  # nothing is later than the calendar
        bounds.append(AuditEntry.id < first_id(IdKind.EVENT, wanted.until + _LATE))
    return bounds


async def find_entry(uow: UnitOfWork, event_id: str) -> AuditEntry | None:
    """The entry with this id in the caller's account."""
    query = select(AuditEntry).where(*_own(uow), AuditEntry.id == event_id)
    entry: AuditEntry | None = await uow.scalar(query)
    return entry


def _own(uow: UnitOfWork) -> list[ColumnElement[bool]]:
    """What the caller's account may see: its own, since it was made.

    An account that takes the name of a deleted one inherits none of its log (MT-09).
    """
    account = uow.caller.account
    made = select(Account.created_at).where(Account.name == account).scalar_subquery()
    return [AuditEntry.account == account, AuditEntry.occurred_at >= made]


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    exact: dict[Any, str | None] = {
        AuditEntry.outcome: wanted.outcome,
        AuditEntry.decision_id: wanted.decision_id,
        AuditEntry.request_id: wanted.request_id,
    }
    conditions = [column == value for column, value in exact.items() if value is not None]
    if wanted.type is not None:
        conditions.append(_of_type(wanted.type))
    if wanted.actor is not None:
        column = AuditEntry.actor if _is_arn(wanted.actor) else AuditEntry.actor_id
        conditions.append(column == wanted.actor)
    if wanted.target is not None:
        column = AuditEntry.subject if _is_arn(wanted.target) else AuditEntry.target_id
        conditions.append(column == wanted.target)
    if wanted.since is not None:
        conditions.append(AuditEntry.occurred_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEntry.occurred_at < wanted.until)
    return conditions


def _of_type(wanted: str) -> ColumnElement[bool]:
    if wanted.endswith("*"):
        return AuditEntry.type.startswith(wanted[:-1], autoescape=True)
    return AuditEntry.type == wanted


def _is_arn(text: str) -> bool:
    return text.startswith("arn:")
