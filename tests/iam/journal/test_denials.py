"""Refusals are recorded in batches, bounded, and what is dropped is counted in the log itself."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from iam.journal import denials
from iam.journal.denials import Denial, DenialWriter
from iam.journal.events import EventType
from iam.models import AuditEntry
from tests.world import NOON, World

pytestmark = pytest.mark.anyio


def denial(number: int) -> Denial:
    return Denial(
        account="main",
        actor="arn:iam:iam::main:service/a",
        actor_id="svc_a",
        action="iam:CreateUser",
        resource="arn:iam:iam::main:user/x",
        reason="implicitDeny",
        decision_id=f"dec_{number}",
        request_id="r",
        address="203.0.113.9",
        at=NOON,
    )


async def entries(world: World, kind: EventType) -> list[AuditEntry]:
    async with world.work() as uow:
        return list((await uow.scalars(select(AuditEntry).where(AuditEntry.type == kind))).all())


async def test_a_refusal_is_written_outside_the_request(world: World) -> None:
    world.runtime.tools.denials.record(denial(1))
    assert await entries(world, EventType.ACCESS_DENIED) == []
    await world.runtime.tools.denials.flush()
    (found,) = await entries(world, EventType.ACCESS_DENIED)
    assert (found.outcome, found.decision_id) == ("denied", "dec_1")
    assert found.detail == {"action": "iam:CreateUser", "reason": "implicitDeny"}


async def test_al_04_a_name_of_any_length_keeps_no_refusal_out_of_the_log(world: World) -> None:
    for refused in (replace(denial(1), resource="x" * 9_000), denial(2)):
        world.runtime.tools.denials.record(refused)
    await world.runtime.tools.denials.flush()
    first, second = await entries(world, EventType.ACCESS_DENIED)
    assert (first.subject, second.decision_id) == ("x" * denials.MAX_SUBJECT, "dec_2")


async def test_a_full_queue_drops_and_the_log_says_how_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "MAX_WAITING", 3)
    writer = DenialWriter(world.runtime.database, world.clock)
    for number in range(5):
        writer.record(denial(number))
    await writer.flush()
    assert len(await entries(world, EventType.ACCESS_DENIED)) == 3
    (dropped,) = await entries(world, EventType.DENIALS_DROPPED)
    assert dropped.detail == {"count": 2}


async def test_stopping_writes_what_waits(world: World) -> None:
    writer = DenialWriter(world.runtime.database, world.clock)
    await writer.start()
    writer.record(denial(1))
    await writer.stop()
    assert len(await entries(world, EventType.ACCESS_DENIED)) == 1
