"""Who could be allowed an action at all: holders of a statement on it, found from the statements.

The policies of an account are asked once what they say about the action; whoever holds none that
allows it, and is named by no policy of the resource, need not be decided about.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import select

from iam.authz.gather import Reader
from iam.authz.gather_many import CHUNK
from iam.authz.holders import AccountPolicies, Source
from iam.authz.surroundings import Surroundings
from iam.models import GroupMembership, InlinePolicy, PolicyAttachment, Principal
from iam_policy import CompiledPolicy, DocumentKind, PolicySet, compile_stored
from iam_policy import Principal as Caller
from iam_policy.principals import Naming

_BREATH: Final = 100
"""Documents after which others get their turn: compiling takes a tenth of a millisecond."""


async def find_candidates(
    reader: Reader, known: AccountPolicies, *, action: str, around: Surroundings
) -> list[str]:
    """The ids of those principals of the account who may be allowed this; sorted."""
    found: set[str] = set()
    if not around.is_required:  # else the resource's policy must name whoever may
        found |= await _by_identity(reader, known, action)
    if around.resource is not None:
        # One that names the account leaves it to the identity policies, but for a role's trust.
        least = Naming.ACCOUNT if around.is_required else Naming.LIMITED
        found |= await _by_resource(reader, known, around.resource, action, least=least)
    return sorted(found)


async def _by_identity(reader: Reader, known: AccountPolicies, action: str) -> set[str]:
    managed = await _allowing(known.policies.values(), action)
    carried = (one for sources in known.of_groups.values() for one in sources)
    allowing = await _allowing(carried, action)
    groups = [
        group
        for group, sources in known.of_groups.items()
        if any((one.label, one.document) in allowing for one in sources)
    ]
    ids = [
        one.policy_id
        for one in known.policies.values()
        if one.policy_id is not None and (one.label, one.document) in managed
    ]
    attached = await _ids(reader, known.account, PolicyAttachment, PolicyAttachment.policy_id, ids)
    members = await _ids(reader, known.account, GroupMembership, GroupMembership.group_id, groups)
    return attached | members | await _by_inline(reader, known.account, action)


async def _allowing(sources: Iterable[Source], action: str) -> set[tuple[str, str]]:
    found = set()
    for number, one in enumerate(sources):
        if number % _BREATH == 0:
            await asyncio.sleep(0)
        if _allows(one.document, action):
            found.add((one.label, one.document))
    return found


def _allows(document: str, action: str) -> bool:
    if not may_speak_of(document, action):
        return False
    return _has_allow(compile_stored(document, DocumentKind.IDENTITY), action)


def _has_allow(policy: CompiledPolicy, action: str) -> bool:
    return any(
        one.effect == "Allow" and one.matches_action(action.lower()) for one in policy.statements
    )


def may_speak_of(document: str, action: str) -> bool:
    r"""Whether a document may name the action: a quick no for most, without compiling.

    It would name the action's service, which has no wildcards, or `*` alone, or what it leaves
    out; an escape such as `\u0062` may hide any of them.
    """
    if "\\" in document or '"*"' in document or "NotAction" in document:
        return True
    return f'"{action.partition(":")[0].lower()}:' in document.lower()


async def _by_inline(reader: Reader, account: str, action: str) -> set[str]:
    found: set[str] = set()
    last = ""
    while True:
        query = (
            select(InlinePolicy.id, InlinePolicy.principal_id, InlinePolicy.document)
            .where(InlinePolicy.account == account, InlinePolicy.id > last)
            .order_by(InlinePolicy.id)
            .limit(CHUNK)
        )
        rows = (await reader.execute(query)).all()
        for row in rows:
            if row.principal_id is not None and _allows(row.document, action):
                found.add(row.principal_id)
        if len(rows) < CHUNK:
            return found
        last = rows[-1].id


async def _by_resource(
    reader: Reader, known: AccountPolicies, policies: PolicySet, action: str, *, least: Naming
) -> set[str]:
    """Whoever an Allow of the resource's policy names, at least as directly as this."""
    granting = [
        policies.entries[place].statement
        for place in policies.places(action.lower())
        if policies.entries[place].statement.effect == "Allow"
    ]
    found: set[str] = set()
    last = ""
    while granting:
        query = (
            select(Principal.id, Principal.kind, Principal.path, Principal.name)
            .where(Principal.account == known.account, Principal.id > last)
            .order_by(Principal.id)
            .limit(CHUNK)
        )
        rows = (await reader.execute(query)).all()
        prefix = f"arn:{known.partition}:iam::{known.account}:"
        for row in rows:
            caller = Caller(f"{prefix}{row.kind}{row.path}{row.name}", known.account, row.id)
            if any(one.names(caller, bounded=False) >= least for one in granting):
                found.add(row.id)
        if len(rows) < CHUNK:
            break
        last = rows[-1].id
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
