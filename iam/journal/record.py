"""Watches a session and keeps what its flushes change.

Before and after come from here, not from the use cases: the audit log tells what was really
written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import LargeBinary, event, inspect
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.orm.attributes import get_history

from iam.journal.events import Audited, audited

Values = dict[str, Any]

# What every change moves, and what only repeats another column, would be noise in every entry.
UNINTERESTING = frozenset({"version", "updated_at", "name_key", "resource_key", "settled_until"})


@dataclass(slots=True)
class RowChange:
    """What happened to one row in this transaction, from its first state to its last."""

    table: str
    is_own: bool
    target_id: str
    touches: tuple[str, ...]
    before: Values | None
    after: Values | None

    @property
    def is_void(self) -> bool:
        """Whether nothing that anyone can see is left of it (made and deleted again)."""
        return self.before is None and self.after is None

    def then(self, later: "RowChange") -> "RowChange":
        """This change followed by a later one of the same row."""
        before = {**(later.before or {}), **(self.before or {})} if self.before else self.before
        after = None if later.after is None else {**(self.after or {}), **later.after}
        touches = tuple(dict.fromkeys(self.touches + later.touches))
        return RowChange(self.table, self.is_own, self.target_id, touches, before, after)


class Recorder:
    """The changed audited rows of one session, in the order of their first change."""

    def __init__(self, session: Session) -> None:
        self._changes: dict[tuple[object, ...], RowChange] = {}
        event.listen(session, "before_flush", self._collect)

    @property
    def changes(self) -> list[RowChange]:
        """What is left to account for."""
        return [change for change in self._changes.values() if not change.is_void]

    def forget(self) -> None:
        """Begin anew: what was recorded so far has been accounted for."""
        self._changes = {}

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Forget what was recorded inside when it is rolled back."""
        kept = dict(self._changes)
        try:
            yield
        except BaseException:
            self._changes = kept
            raise

    def _collect(self, session: Session, _context: object, _instances: object) -> None:
        for row in session.new:
            self._keep(row, before=None, after=_values(row))
        for row in session.deleted:
            self._keep(row, before=_values(row), after=None)
        for row in session.dirty:
            before, after = _difference(row)
            if after:
                self._keep(row, before=before, after=after)

    def _keep(self, row: object, *, before: Values | None, after: Values | None) -> None:
        rules = audited(row)
        if rules is None:
            return
        change = _change(row, rules, before, after)
        key = (change.table, *_primary_key(row))
        earlier = self._changes.get(key)
        self._changes[key] = earlier.then(change) if earlier else change


def _change(row: object, rules: Audited, before: Values | None, after: Values | None) -> RowChange:
    target_id = rules.target(row)
    # A row with a compound key hangs on the entity: one of several, such as a group's members.
    is_single = len(_mapper(row).primary_key) == 1
    is_own = is_single and getattr(row, "id", target_id) == target_id
    if not is_own and before is not None and after is not None:
        which = _key_of(row)  # of several, only their keys tell which one changed
        before, after = {**which, **before}, {**which, **after}
    return RowChange(
        table=str(_mapper(row).local_table),
        is_own=is_own,
        target_id=target_id,
        touches=rules.touches(row),
        before=before,
        after=after,
    )


def _key_of(row: object) -> Values:
    mapper = _mapper(row)
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    return {name: getattr(row, name) for name in names}


def _mapper(row: object) -> Mapper[Any]:
    return inspect(type(row), raiseerr=True)  # type: ignore[no-any-return]  # inspect is untyped


def _primary_key(row: object) -> tuple[Any, ...]:
    return tuple(_mapper(row).primary_key_from_instance(row))


def _visible(row: object) -> Iterator[str]:
    for attribute in _mapper(row).column_attrs:
        # Hashes and sealed values are the only binary columns; neither belongs into a log.
        is_secret = isinstance(attribute.columns[0].type, LargeBinary)
        if not is_secret and attribute.key not in UNINTERESTING:
            yield attribute.key


def _values(row: object) -> Values:
    present = ((key, getattr(row, key)) for key in _visible(row))
    return {key: _plain(value) for key, value in present if value is not None}


def _difference(row: object) -> tuple[Values, Values]:
    before: Values = {}
    after: Values = {}
    for key in _visible(row):
        history = get_history(row, key)
        if not history.has_changes():
            continue
        old = _plain(history.deleted[0]) if history.deleted else None
        new = _plain(history.added[0]) if history.added else None
        if old != new:
            before[key], after[key] = old, new
    return before, after


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
