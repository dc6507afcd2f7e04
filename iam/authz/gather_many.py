"""The facts of many principals of one account, read in a few queries for all of them.

What `gather.py` reads of one principal, for whoever must decide about everybody: the same facts,
told apart by a test. Documents, indexed sets and compiled policies are shared among principals
who hold the same.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import select

from iam.authz.gather import Reader
from iam.authz.holders import AccountPolicies, GroupRef, Holder, PrincipalRecord, Source, holder
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


async def read_account_policies(reader: Reader, account: str, *, partition: str) -> AccountPolicies:
    """Read what is shared: managed policies, the groups and what they carry."""
    status = (
        await reader.execute(select(Account.status).where(Account.name == account))
    ).scalar_one_or_none()
    policies = await _read_policies(reader, account, partition)
    groups = await _read_groups(reader, account, partition)
    of_groups: dict[str, list[Source]] = {group: [] for group in groups}
    attached = select(PolicyAttachment.group_id, PolicyAttachment.policy_id).where(
        PolicyAttachment.account == account, PolicyAttachment.group_id.is_not(None)
    )
    for row in (await reader.execute(attached)).all():
        one = policies[row.policy_id]
        source = Source(one.label, one.document, row.policy_id, groups[row.group_id])
        of_groups[row.group_id].append(source)
    inline = select(InlinePolicy.group_id, InlinePolicy.name, InlinePolicy.document).where(
        InlinePolicy.account == account, InlinePolicy.group_id.is_not(None)
    )
    for row in (await reader.execute(inline)).all():
        source = Source(f"inline:{row.name}", row.document, None, groups[row.group_id])
        of_groups[row.group_id].append(source)
    return AccountPolicies(
        account=account,
        is_active=status == AccountStatus.ACTIVE,
        partition=partition,
        policies=policies,
        of_groups={group: tuple(found) for group, found in of_groups.items()},
    )


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
    records = {row.id: PrincipalRecord(**row) for row in rows.mappings()}
    sources: dict[str, list[Source]] = {one: [] for one in records}
    attached = select(PolicyAttachment.principal_id, PolicyAttachment.policy_id)
    for one, policy_id in await _of(reader, attached, PolicyAttachment.principal_id, ids):
        sources[one].append(known.policies[policy_id])
    inline = select(InlinePolicy.principal_id, InlinePolicy.name, InlinePolicy.document)
    for one, name, document in await _of(reader, inline, InlinePolicy.principal_id, ids):
        sources[one].append(Source(f"inline:{name}", document))
    members = select(GroupMembership.principal_id, GroupMembership.group_id)
    for one, group_id in await _of(reader, members, GroupMembership.principal_id, ids):
        sources[one] += known.of_groups[group_id]
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
        sets=known.sets,
    )


async def _of(reader: Reader, query: Any, column: Any, ids: list[str]) -> Sequence[Any]:
    return (await reader.execute(query.where(column.in_(ids)))).all()


async def _read_policies(reader: Reader, account: str, partition: str) -> dict[str, Source]:
    """All policies that somebody in the account may have: its own and the shipped ones."""
    query = select(
        Policy.id, Policy.account, Policy.path, Policy.name, PolicyVersion.document
    ).join(
        PolicyVersion,
        (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.default_version),
    )
    own = query.where(Policy.account.in_([account, SHIPPED_ACCOUNT]))
    return {
        row.id: Source(
            f"arn:{partition}:iam::{row.account}:policy{row.path}{row.name}", row.document, row.id
        )
        for row in (await reader.execute(own)).all()
    }


async def _read_groups(reader: Reader, account: str, partition: str) -> dict[str, GroupRef]:
    query = select(Group.id, Group.path, Group.name).where(Group.account == account)
    return {
        row.id: GroupRef(
            row.id, f"arn:{partition}:iam::{account}:group{row.path}{row.name}", row.name
        )
        for row in (await reader.execute(query)).all()
    }


_COLUMNS = tuple(
    Principal.__table__.c[name]
    for name in (
        "id", "account", "kind", "path", "name", "status", "tags", "principal_epoch",
        "boundary_policy_id", "trust_policy",
    )
)  # fmt: skip
