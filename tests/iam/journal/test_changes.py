"""The change log: what one replica commits, the others learn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from iam.journal.changes import TRUST_SECONDS, ChangeReader
from iam.journal.events import EventType
from iam.kit.database import Database
from iam.kit.ids import IdKind, new_id
from iam.models import Group
from tests.world import World

pytestmark = pytest.mark.anyio


class Seen:
    """Snapshots that remember what they were told."""

    def __init__(self) -> None:
        self.entities: list[str] = []
        self.cleared = 0

    def invalidate(self, entity_id: str) -> None:
        self.entities.append(entity_id)

    def clear(self) -> None:
        self.cleared += 1


async def commit_group(world: World, name: str) -> str:
    async with world.work() as uow:
        row = Group(
            id=new_id(IdKind.GROUP, uow.now),
            account="main",
            name=name,
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(row)
        uow.emit(EventType.GROUP_CREATED, row)
    return row.id


@pytest.fixture
async def replica(world: World) -> AsyncIterator[ChangeReader]:
    """Another replica's reader, polled by hand."""
    reader = ChangeReader(world.runtime.database, world.clock)
    reader.subscribe(Seen())
    await reader.start()
    await reader.stop()
    yield reader
    await reader.stop()  # a poll has connected again


def seen(reader: ChangeReader) -> Seen:
    (subscriber,) = reader._subscribers
    assert isinstance(subscriber, Seen)
    return subscriber


async def test_a_commit_is_seen_once_by_another_replica(
    world: World, replica: ChangeReader
) -> None:
    entity = await commit_group(world, "one")
    for _ in range(3):
        await replica.poll()
    assert seen(replica).entities == [entity]


async def test_this_replica_knows_before_the_answer_leaves(world: World) -> None:
    mine = Seen()
    world.runtime.changes.subscribe(mine)
    entity = await commit_group(world, "one")
    assert entity in mine.entities


async def test_a_running_reader_is_woken_or_polls_soon(world: World) -> None:
    database = Database(str(world.runtime.settings.effective_database_url))
    reader = ChangeReader(database, world.clock)
    told = Seen()
    reader.subscribe(told)
    await reader.start()
    try:
        entity = await commit_group(world, "one")
        async with asyncio.timeout(30):
            while entity not in told.entities:  # noqa: ASYNC110 -- nobody tells us either
                await asyncio.sleep(0.02)
    finally:
        await reader.stop()
        await database.close()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)  # SQLite: one writer
async def test_rows_that_become_visible_out_of_order_are_not_missed(
    world: World, replica: ChangeReader
) -> None:
    insert = text(
        "INSERT INTO changes (account, entity_id, changed_at) VALUES ('main', :id, now())"
    )
    engine = world.runtime.database.engine
    async with engine.connect() as slow:
        await slow.execute(insert, {"id": "slow"})
        async with engine.begin() as quick:
            await quick.execute(insert, {"id": "quick"})
        await replica.poll()
        assert seen(replica).entities == ["quick"]
        await slow.commit()
    await replica.poll()
    await replica.poll()
    assert seen(replica).entities == ["quick", "slow"]


async def test_a_replica_that_saw_no_database_for_long_trusts_nothing(
    world: World, replica: ChangeReader
) -> None:
    assert replica.is_fresh
    world.clock.advance(timedelta(seconds=TRUST_SECONDS + 0.1))
    assert replica.staleness > TRUST_SECONDS
    await replica.poll()
    assert replica.staleness < TRUST_SECONDS
    assert seen(replica).cleared == 1
