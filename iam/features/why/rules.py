"""The rows that a decision was made from, and undoing what changed them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from iam.authz.holders import GroupRef, Holder, PrincipalRecord, Source, holder
from iam.authz.surroundings import (
    Attached,
    Guardrails,
    Surroundings,
    at_or_above,
    owning_account,
    policy_set,
    resource_set,
)
from iam_policy import DocumentKind

Row = dict[str, Any]
Key = tuple[str, ...]

PRINCIPALS: Final = "principals"
GROUPS: Final = "groups"
MEMBERSHIPS: Final = "group_memberships"
ATTACHMENTS: Final = "policy_attachments"
INLINE: Final = "inline_policies"
POLICIES: Final = "policies"
VERSIONS: Final = "policy_versions"
ACCOUNTS: Final = "accounts"
GUARDRAILS: Final = "guardrails"
GUARDRAIL_ATTACHMENTS: Final = "guardrail_attachments"
RESOURCE_POLICIES: Final = "resource_policies"

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    MEMBERSHIPS: ("group_id", "principal_id"),
    VERSIONS: ("policy_id", "number"),
}
_TABLE_OF: Final[Mapping[str, str]] = {
    "user": PRINCIPALS,
    "service": PRINCIPALS,
    "role": PRINCIPALS,
    "group": GROUPS,
    "policy": POLICIES,
    "account": ACCOUNTS,
    "guardrail": GUARDRAILS,
    "resource_policy": RESOURCE_POLICIES,
}
_ACTIVE: Final = "active"
_WORDS: Final = {"scp": "service_control_policy", "rcp": "resource_control_policy"}
_HANGING: Final = (MEMBERSHIPS, ATTACHMENTS, INLINE, VERSIONS, GUARDRAIL_ATTACHMENTS)


class Change(Protocol):
    """What the audit log tells of a change."""

    @property
    def entity(self) -> str:
        """What kind of thing changed."""

    @property
    def verb(self) -> str:
        """What was done to it."""

    @property
    def target_id(self) -> str:
        """Its id."""

    @property
    def before(self) -> Mapping[str, Any] | None:
        """What was there before, of what changed."""

    @property
    def after(self) -> Mapping[str, Any] | None:
        """What was there afterwards."""


@dataclass(slots=True)
class State:
    """Rows by table and key."""

    tables: dict[str, dict[Key, Row]] = field(default_factory=dict)

    def put(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of a table, or replace them."""
        found = self.tables.setdefault(table, {})
        for row in rows:
            found[key_of(table, row)] = dict(row)

    def rows(self, table: str) -> Iterable[Row]:
        """The rows of a table."""
        return self.tables.get(table, {}).values()

    def get(self, table: str, *key: str) -> Row | None:
        """One row."""
        return self.tables.get(table, {}).get(key)

    def undo(self, change: Change) -> None:
        """Make it what it was before the change; the changes after it are undone already."""
        before, after = dict(change.before or {}), dict(change.after or {})
        for table in _HANGING:
            self._undo_hanging(table, before.pop(table, ()), after.pop(table, ()))
        own = _TABLE_OF.get(change.entity)
        if own is not None:
            self._undo_own(own, change, before)

    def _undo_own(self, table: str, change: Change, before: Row) -> None:
        rows = self.tables.setdefault(table, {})
        key = (change.target_id,)
        if change.verb == "created":
            rows.pop(key, None)
        elif change.verb == "deleted":
            rows[key] = before
        elif key in rows:
            rows[key].update(before)

    def _undo_hanging(self, table: str, before: Iterable[Row], after: Iterable[Row]) -> None:
        rows = self.tables.setdefault(table, {})
        were = {key_of(table, row): row for row in before}
        for row in after:
            if key_of(table, row) not in were:
                rows.pop(key_of(table, row), None)
        for key, row in were.items():
            rows[key] = {**rows.get(key, {}), **row}


def key_of(table: str, row: Mapping[str, Any]) -> Key:
    """What tells a row from the others of its table."""
    if table == ACCOUNTS:
        return (str(row["name"]),)
    return tuple(str(row.get(name, "")) for name in _KEYS.get(table, ("id",)))


def mentioned(changes: Iterable[Change], table: str, **matching: str) -> list[Row]:
    """Rows of a hanging table that changes came by, whose columns have these values."""
    found: list[Row] = []
    for change in changes:
        for side in (change.before, change.after):
            rows = (side or {}).get(table, ())
            found += [
                row for row in rows if all(row.get(name) == one for name, one in matching.items())
            ]
    return found


def holder_of(state: State, principal_id: str, *, partition: str) -> Holder | None:
    """The principal as it is in this state; `None` if there is none."""
    row = state.get(PRINCIPALS, principal_id)
    if row is None:
        return None
    record = PrincipalRecord(
        id=principal_id,
        account=row["account"],
        kind=row["kind"],
        path=row["path"],
        name=row["name"],
        status=row["status"],
        tags=row.get("tags") or {},
        principal_epoch=row.get("principal_epoch", 1),
        boundary_policy_id=row.get("boundary_policy_id"),
        trust_policy=row.get("trust_policy"),
    )
    account = state.get(ACCOUNTS, record.account) or {}
    limit = record.boundary_policy_id
    return holder(
        record,
        _sources(state, record, partition),
        None if limit is None else _managed(state, limit, None, partition),
        account_is_active=account.get("status") == _ACTIVE,
        partition=partition,
    )


def around(
    state: State, account: str, resource: str, *, partition: str, role_id: str | None, assumes: bool
) -> Surroundings:
    """What stands around a principal of this account on a resource of it, in this state."""
    owner = owning_account(resource, account)
    found = Guardrails(_attached(state, partition)).around(account, owner)
    if assumes:
        role = None if role_id is None else state.get(PRINCIPALS, role_id)
        trust = None
        if role is not None and role["status"] == _ACTIVE:
            trust = policy_set([(resource, role["trust_policy"])], DocumentKind.TRUST)
        return found.with_policy(trust, is_required=True)
    above = set(at_or_above(resource)) if owner == account else set()
    rows = [row for row in state.rows(RESOURCE_POLICIES) if row["resource"] in above]
    return found.with_policy(resource_set({row["resource"]: row["document"] for row in rows}))


def _sources(state: State, record: PrincipalRecord, partition: str) -> list[Source]:
    groups: dict[str, GroupRef | None] = {record.id: None}
    for row in state.rows(MEMBERSHIPS):
        group = state.get(GROUPS, row["group_id"])
        if row["principal_id"] == record.id and group is not None:
            arn = f"arn:{partition}:iam::{record.account}:group{group['path']}{group['name']}"
            groups[group["id"]] = GroupRef(group["id"], arn, group["name"])
    found = []
    for row in state.rows(ATTACHMENTS):
        by = row.get("principal_id") or row.get("group_id") or ""
        source = _managed(state, row["policy_id"], groups.get(by), partition)
        if by in groups and source is not None:
            found.append(source)
    for row in state.rows(INLINE):
        by = row.get("principal_id") or row.get("group_id") or ""
        if by in groups and "document" in row:
            label = f"inline:{row['name']}"
            found.append(Source(label, row["document"], None, groups[by]))
    return found


def _managed(state: State, policy_id: str, group: GroupRef | None, partition: str) -> Source | None:
    policy = state.get(POLICIES, policy_id)
    if policy is None:
        return None
    version = state.get(VERSIONS, policy_id, str(policy["default_version"]))
    if version is None:
        return None
    label = f"arn:{partition}:iam::{policy['account']}:policy{policy['path']}{policy['name']}"
    return Source(label, version["document"], policy_id, group)


def _attached(state: State, partition: str) -> Iterator[Attached]:
    for row in state.rows(GUARDRAIL_ATTACHMENTS):
        found = state.get(GUARDRAILS, row["guardrail_id"])
        if found is not None:
            kind, name = found["kind"], found["name"]
            label = f"arn:{partition}:organizations::main:policy/{_WORDS[kind]}/{name}"
            yield Attached(kind, row["level"], name, label, found["document"])
