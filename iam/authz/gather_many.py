"""The facts of many principals of one account, read in a few queries for all of them.

What `gather.py` reads of one principal, for whoever must decide about everybody: the same facts,
compared by a test. Documents, indexed sets and compiled policies are shared among principals who
hold the same, and documents that have nothing to do with what is asked are left aside.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import select

from iam.authz.gather import Reader
from iam.authz.holders import AccountPolicies, GroupRef, Holder, PrincipalRecord, Source, holder
from iam.authz.relevance import Relevance
from iam.models import (
    SHIPPED_ACCOUNT,
    Account,
    AccountStatus,
    Group,
    GroupMembership,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
)

CHUNK: Final = 500
"""Ids in one query: no database has trouble with so many parameters."""


async def read_account_policies(
    reader: Reader, account: str, *, partition: str, relevance: Relevance
) -> AccountPolicies:
    """Read what is shared: managed policies, the groups and what they carry."""
    status = (
        await reader.execute(select(Account.status).where(Account.name == account))
    ).scalar_one_or_none()
    policies: dict[str, Source] = {}
    relevant: set[str] = set()
    async for rows in in_chunks(reader, _policies(account), Policy.id):
        for row in rows:
            label = f"arn:{partition}:iam::{row.account}:policy{row.path}{row.name}"
            policies[row.id] = Source(label, row.document, row.id)
            if relevance.concerns(row.document):
                relevant.add(row.id)
    known = AccountPolicies(
        account=account,
        is_active=status == AccountStatus.ACTIVE,
        partition=partition,
        relevance=relevance,
        policies=policies,
        relevant=relevant,
        of_groups={},
    )
    await _add_groups(reader, known)
    return known


async def _add_groups(reader: Reader, known: AccountPolicies) -> None:
    """Read what the groups carry."""
    account = known.account
    prefix = f"arn:{known.partition}:iam::{account}:group"
    query = select(Group.id, Group.path, Group.name).where(Group.account == account)
    groups = {
        row.id: GroupRef(row.id, f"{prefix}{row.path}{row.name}", row.name)
        for row in (await reader.execute(query)).all()
    }
    attached = select(PolicyAttachment.group_id, PolicyAttachment.policy_id).where(
        PolicyAttachment.account == account, PolicyAttachment.group_id.is_not(None)
    )
    found: dict[str, list[Source]] = {}
    for row in (await reader.execute(attached)).all():
        if row.policy_id in known.relevant:
            one = known.policies[row.policy_id]
            source = Source(one.label, one.document, row.policy_id, groups[row.group_id])
            found.setdefault(row.group_id, []).append(source)
    inline = select(
        InlinePolicy.id, InlinePolicy.group_id, InlinePolicy.name, InlinePolicy.document
    ).where(InlinePolicy.account == account, InlinePolicy.group_id.is_not(None))
    async for rows in in_chunks(reader, inline, InlinePolicy.id):
        for row in rows:
            if known.relevance.concerns(row.document):
                source = Source(f"inline:{row.name}", row.document, None, groups[row.group_id])
                found.setdefault(row.group_id, []).append(source)
    known.of_groups = {group: tuple(sources) for group, sources in found.items()}


async def read_holders(
    reader: Reader, known: AccountPolicies, ids: Iterable[str]
) -> AsyncIterator[list[Holder]]:
    """The principals with these ids, in their order, some hundred at once."""
    left = iter(ids)
    while wanted := list(islice(left, CHUNK)):
        yield await _read_some(reader, known, wanted)


async def _read_some(reader: Reader, known: AccountPolicies, ids: list[str]) -> list[Holder]:
    rows = await reader.execute(
        select(*_COLUMNS).where(Principal.account == known.account, Principal.id.in_(ids))
    )
    found: Sequence[Any] = rows.all()
    records = {row[0]: PrincipalRecord(*row) for row in found}
    sources: dict[str, list[Source]] = {one: [] for one in records}
    attached = select(_ATTACHED.principal_id, _ATTACHED.policy_id)
    for one, policy_id in await _of(reader, attached, _ATTACHED.principal_id, ids):
        if policy_id in known.relevant:
            sources[one].append(known.policies[policy_id])
    inline = select(_INLINE.principal_id, _INLINE.name, _INLINE.document)
    for one, name, document in await _of(reader, inline, _INLINE.principal_id, ids):
        if known.relevance.concerns(document):
            sources[one].append(Source(f"inline:{name}", document))
    members = select(_MEMBERS.principal_id, _MEMBERS.group_id)
    for one, group_id in await _of(reader, members, _MEMBERS.principal_id, ids):
        sources[one] += known.of_groups.get(group_id, ())
    return [_holder(known, records[one], sources[one]) for one in ids if one in records]


def _holder(known: AccountPolicies, record: PrincipalRecord, sources: list[Source]) -> Holder:
    boundary = None
    if record.boundary_policy_id is not None:
        boundary = known.policies[record.boundary_policy_id]
    # One order for all who hold the same, so that they share one set.
    sources.sort(key=lambda one: (one.label, one.group.id if one.group else ""))
    return holder(
        record,
        sources,
        boundary,
        account_is_active=known.is_active,
        partition=known.partition,
    )


async def in_chunks(reader: Reader, query: Any, key: Any) -> AsyncIterator[Sequence[Any]]:
    """The rows of a query by this key, some hundred at once; others get their turn in between."""
    last = ""
    while True:
        some = query.where(key > last).order_by(key).limit(CHUNK)
        rows = (await reader.execute(some)).all()
        yield rows
        if len(rows) < CHUNK:
            return
        await asyncio.sleep(0)
        last = rows[-1].id


async def _of(reader: Reader, query: Any, column: Any, ids: list[str]) -> Sequence[Any]:
    return (await reader.execute(query.where(column.in_(ids)))).all()


def _policies(account: str) -> Any:
    """All policies that somebody in the account may have: its own and the shipped ones."""
    return (
        select(Policy.id, Policy.account, Policy.path, Policy.name, PolicyVersion.document)
        .join(
            PolicyVersion,
            (PolicyVersion.policy_id == Policy.id)
            & (PolicyVersion.number == Policy.default_version),
        )
        .where(Policy.account.in_([account, SHIPPED_ACCOUNT]))
    )


# Columns of tables, not of models: rows of those take twice as long, and there are many.
_ATTACHED = PolicyAttachment.__table__.c
_INLINE = InlinePolicy.__table__.c
_MEMBERS = GroupMembership.__table__.c
# In the order of `PrincipalRecord`.
_COLUMNS: Any = tuple(
    Principal.__table__.c[name]
    for name in (
        "id", "account", "kind", "path", "name", "status", "tags", "principal_epoch",
        "boundary_policy_id", "trust_policy",
    )
)  # fmt: skip
