"""Last uses: written in batches, never back in time, never in the way."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from iam.features.credentials.service import create_client_secret
from iam.kit.database import Database
from iam.models import Credential, CredentialUse
from iam.work import uses as uses_module
from iam.work.uses import CredentialUses
from tests.world import NOON, Actor, World

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def credential(world: World, name: str = "billing") -> str:
    await world.actor(name=name)
    async with world.work() as uow:
        held, _ = await create_client_secret(uow, service=name)
    return held.credential.id


async def written(world: World) -> list[tuple[str, str | None, str | None]]:
    async with world.work() as uow:
        rows = (await uow.scalars(select(CredentialUse))).all()
        return [(row.credential_id, row.last_address, row.last_audience) for row in rows]


async def test_the_newest_use_is_written_whatever_the_order_of_arrival(
    world: World, admin: Actor
) -> None:
    credential_id = await credential(world)
    uses = world.runtime.uses
    uses.record(credential_id, address="10.0.0.2", audience="b", at=NOON + 2 * SECOND)
    uses.record(credential_id, address="10.0.0.1", audience="a", at=NOON + SECOND)
    await uses.flush()
    assert await written(world) == [(credential_id, "10.0.0.2", "b")]
    uses.record(credential_id, address="10.0.0.9", audience="late", at=NOON)
    await uses.flush()
    assert await written(world) == [(credential_id, "10.0.0.2", "b")]
    uses.record(credential_id, address="10.0.0.3", audience="c", at=NOON + 3 * SECOND)
    await uses.flush()
    assert await written(world) == [(credential_id, "10.0.0.3", "c")]
    shown = (await admin.http.get(f"/v1/credentials/{credential_id}")).json()["last_use"]
    assert shown == {"at": "2026-07-01T12:00:03Z", "address": "10.0.0.3", "audience": "c"}


async def test_a_credential_that_is_gone_is_passed_over(world: World) -> None:
    kept, deleted = await credential(world), "crd_gone"
    world.runtime.uses.record(deleted, address=None, audience=None, at=NOON)
    world.runtime.uses.record(kept, address=None, audience=None, at=NOON)
    await world.runtime.uses.flush()
    assert await written(world) == [(kept, None, None)]


async def test_what_waits_is_written_at_the_stop_and_in_the_background(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses_module, "FLUSH_SECONDS", 0.01)
    credential_id = await credential(world)
    uses = CredentialUses(world.runtime.database)
    await uses.start()
    uses.record(credential_id, address="10.0.0.1", audience="a", at=NOON)
    async with asyncio.timeout(30):
        while not await written(world):  # noqa: ASYNC110 -- the database tells nobody
            await asyncio.sleep(0.01)
    assert await written(world) == [(credential_id, "10.0.0.1", "a")]
    uses.record(credential_id, address="10.0.0.2", audience="b", at=NOON + SECOND)
    await uses.stop()
    assert await written(world) == [(credential_id, "10.0.0.2", "b")]


async def test_replicas_that_write_the_same_rows_do_not_get_in_each_others_way(
    world: World,
) -> None:
    ids = [await credential(world, f"service-{number}") for number in range(5)]
    replicas = [CredentialUses(world.runtime.database) for _ in range(4)]
    for number, replica in enumerate(replicas):
        for credential_id in ids if number % 2 else reversed(ids):
            at = NOON + number * SECOND
            replica.record(credential_id, address=str(number), audience=None, at=at)
    await asyncio.gather(*(replica.flush() for replica in replicas))
    assert sorted(await written(world)) == [(one, "3", None) for one in sorted(ids)]


async def test_an_outage_loses_nothing_and_a_long_one_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uses_module, "MAX_WAITING", 3)
    threads = set(threading.enumerate())
    database = Database("sqlite+aiosqlite:////nowhere/iam.db")
    uses = CredentialUses(database)
    for number in range(5):
        uses.record(f"crd_{number}", address=None, audience=None, at=NOON)
        await uses.flush()
    uses.record("crd_0", address="newer", audience=None, at=NOON + SECOND)
    assert list(uses._waiting) == ["crd_0", "crd_1", "crd_2"]
    assert uses._waiting["crd_0"].address == "newer"
    await database.close()
    while set(threading.enumerate()) - threads:  # noqa: ASYNC110 -- the driver's, which outlive a
        await asyncio.sleep(0.01)  # connect that failed, and tell the loop when they end


async def test_uses_go_with_their_credential(world: World) -> None:
    credential_id = await credential(world)
    world.runtime.uses.record(credential_id, address=None, audience=None, at=NOON)
    await world.runtime.uses.flush()
    async with world.runtime.database.connect(writes=True) as connection, connection.begin():
        await connection.execute(delete(Credential))
    assert await written(world) == []
