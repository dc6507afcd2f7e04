"""Before and after are what was really written, and never a secret."""

import pytest
from sqlalchemy import select

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import AuditEntry, Credential, CredentialKind, Principal
from tests.world import World

pytestmark = pytest.mark.anyio


async def entry(world: World, event: EventType) -> AuditEntry:
    async with world.work() as uow:
        found: AuditEntry = await uow.scalar(select(AuditEntry).where(AuditEntry.type == event))
        return found


async def test_lg_01_hashes_and_sealed_values_stay_out_of_the_log(world: World) -> None:
    actor = await world.actor()
    async with world.work() as uow:
        credential = Credential(
            id=new_id(IdKind.CREDENTIAL, uow.now),
            account="main",
            principal_id=actor.id,
            kind=CredentialKind.CLIENT_SECRET,
            secret_hash=b"\x01" * 32,
            created_at=uow.now,
        )
        uow.add(credential)
        uow.emit(EventType.CREDENTIAL_CREATED, credential)
    found = await entry(world, EventType.CREDENTIAL_CREATED)
    assert found.after is not None
    assert "secret_hash" not in found.after
    assert found.after["kind"] == "client_secret"
    assert found.after["created_at"] == "2026-07-01T12:00:00Z"


async def test_several_flushes_of_one_row_are_one_change(world: World) -> None:
    actor = await world.actor(name="svc")
    async with world.work() as uow:
        row = await uow.get(Principal, actor.id)
        assert row is not None
        row.description = "first"
        await uow.flush()
        row.description = "second"
        row.tags = {"a": "b"}
        uow.emit(EventType.SERVICE_UPDATED, row)
    found = await entry(world, EventType.SERVICE_UPDATED)
    assert found.before == {"description": "", "tags": {}}
    assert found.after == {"description": "second", "tags": {"a": "b"}}


async def test_setting_a_value_to_what_it_was_is_no_event(world: World) -> None:
    actor = await world.actor(name="svc")
    async with world.work() as uow:
        row = await uow.get(Principal, actor.id)
        assert row is not None
        row.description = str(row.description)
        uow.emit(EventType.SERVICE_UPDATED, row)
    assert await entry(world, EventType.SERVICE_UPDATED) is None
