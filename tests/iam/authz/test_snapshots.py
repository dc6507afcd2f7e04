"""Both lanes see the same facts, and a snapshot is never older than the last change."""

import pytest
from sqlalchemy import select

from iam.authz.facts import PrincipalFacts, decide
from iam.authz.gather import gather
from iam.authz.surroundings import NOTHING
from iam.journal.events import EventType
from iam.models import InlinePolicy, Principal, PrincipalStatus
from tests.world import World, allow, deny, policy_document

pytestmark = pytest.mark.anyio


def allowed(facts: PrincipalFacts | None) -> bool:
    assert facts is not None
    return decide(facts, action="iam:GetUser", resource="*", context={}, around=NOTHING).allowed


async def test_a_snapshot_equals_what_the_database_says(world: World) -> None:
    actor = await world.administrator()
    kept = await world.runtime.principals.get(actor.id)
    async with world.work() as uow:
        read = await gather(uow, actor.id, partition="iam")
    assert kept is not None
    assert read is not None
    for name in (
        "id",
        "arn",
        "account",
        "kind",
        "name",
        "is_active",
        "epoch",
        "tags",
        "depends_on",
    ):
        assert getattr(kept, name) == getattr(read, name)
    assert allowed(kept)
    assert allowed(read)


async def test_rc_15_a_changed_policy_is_seen_at_once(world: World) -> None:
    actor = await world.actor(allow("iam:GetUser"))
    assert allowed(await world.runtime.principals.get(actor.id))
    async with world.work() as uow:
        query = select(InlinePolicy).where(InlinePolicy.principal_id == actor.id)
        policy: InlinePolicy = await uow.scalar(query)
        policy.document = policy_document(deny("iam:GetUser"))
        holder = await uow.get(Principal, actor.id)
        assert holder is not None
        uow.emit(EventType.SERVICE_INLINE_POLICY_PUT, holder)
    assert not allowed(await world.runtime.principals.get(actor.id))


async def test_a_disabled_principal_is_allowed_nothing(world: World) -> None:
    actor = await world.actor(allow("*"))
    async with world.work() as uow:
        row = await uow.get(Principal, actor.id)
        assert row is not None
        row.status = PrincipalStatus.DISABLED
        uow.emit(EventType.SERVICE_DISABLED, row)
    assert not allowed(await world.runtime.principals.get(actor.id))


async def test_pe_29_a_damaged_stored_policy_denies_and_says_so(world: World) -> None:
    actor = await world.actor(allow("*"))
    async with world.work() as uow:
        policy: InlinePolicy = await uow.scalar(
            select(InlinePolicy).where(InlinePolicy.principal_id == actor.id)
        )
        policy.document = policy.document[:-3]
        holder = await uow.get(Principal, actor.id)
        assert holder is not None
        uow.emit(EventType.SERVICE_INLINE_POLICY_PUT, holder)
    facts = await world.runtime.principals.get(actor.id)
    assert facts is not None
    decision = decide(facts, action="iam:GetUser", resource="*", context={}, around=NOTHING)
    assert not decision.allowed
    assert decision.findings


async def test_who_does_not_exist_has_no_facts(world: World) -> None:
    assert await world.runtime.principals.get("svc_none") is None
