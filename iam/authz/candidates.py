"""Who could be allowed an action at all: holders of a statement on it, found from the statements.

The policies of an account are asked once what they say about the action; whoever holds none that
allows it, and is named by no policy of the resource, need not be decided about.
"""

from typing import Any

from sqlalchemy import select

from iam.authz.gather import Reader
from iam.authz.gather_many import CHUNK, in_chunks
from iam.authz.holders import AccountPolicies
from iam.authz.surroundings import Surroundings
from iam.models import GroupMembership, InlinePolicy, PolicyAttachment, Principal
from iam_policy import PolicySet
from iam_policy import Principal as Caller
from iam_policy.principals import Naming


async def find_candidates(
    reader: Reader, known: AccountPolicies, *, action: str, around: Surroundings
) -> list[str]:
    """The ids of those principals of the account who may be allowed this; sorted."""
    found: set[str] = set()
    if not around.is_required:  # else the resource's policy must name whoever may
        found |= await _by_identity(reader, known)
    if around.resource is not None:
        # One that names the account leaves it to the identity policies, but for a role's trust.
        least = Naming.ACCOUNT if around.is_required else Naming.LIMITED
        found |= await _by_resource(reader, known, around.resource, action, least=least)
    return sorted(found)


async def _by_identity(reader: Reader, known: AccountPolicies) -> set[str]:
    allows, account = known.relevance.allows, known.account
    policies = [one for one in known.relevant if allows(known.policies[one].document)]
    groups = [
        group
        for group, sources in known.of_groups.items()
        if any(allows(one.document) for one in sources)
    ]
    attached = await _ids(reader, account, PolicyAttachment, PolicyAttachment.policy_id, policies)
    members = await _ids(reader, account, GroupMembership, GroupMembership.group_id, groups)
    return attached | members | await _by_inline(reader, known)


async def _by_inline(reader: Reader, known: AccountPolicies) -> set[str]:
    query = select(InlinePolicy.id, InlinePolicy.principal_id, InlinePolicy.document).where(
        InlinePolicy.account == known.account, InlinePolicy.principal_id.is_not(None)
    )
    found: set[str] = set()
    async for rows in in_chunks(reader, query, InlinePolicy.id):
        found |= {row.principal_id for row in rows if known.relevance.allows(row.document)}
    return found


async def _by_resource(
    reader: Reader, known: AccountPolicies, policies: PolicySet, action: str, *, least: Naming
) -> set[str]:
    """Whoever an Allow of the resource's policy names, at least as directly as this."""
    named = [policies.entries[place].statement for place in policies.places(action.lower())]
    granting = [one for one in named if one.effect == "Allow"]
    found: set[str] = set()
    if not granting:
        return found
    query = select(Principal.id, Principal.kind, Principal.path, Principal.name).where(
        Principal.account == known.account
    )
    prefix = f"arn:{known.partition}:iam::{known.account}:"
    async for rows in in_chunks(reader, query, Principal.id):
        for row in rows:
            caller = Caller(f"{prefix}{row.kind}{row.path}{row.name}", known.account, row.id)
            if any(one.names(caller, bounded=False) >= least for one in granting):
                found.add(row.id)
    return found


async def _ids(reader: Reader, account: str, table: Any, column: Any, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), CHUNK):
        query = select(table.principal_id).where(
            table.account == account,
            table.principal_id.is_not(None),
            column.in_(ids[start : start + CHUNK]),
        )
        found.update((await reader.execute(query)).scalars())
    return found
