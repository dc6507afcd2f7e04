"""TE-13: what is wrong with a client's proof shows neither in the work nor in the time."""

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import CredentialStatus, PrincipalStatus, Service
from tests.oauth import Client, ask, new_client, set_credential, token_of
from tests.world import World

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
ROUNDS = 200
ALIKE = (0.75, 1.33)
"""How far two medians of the same work may be apart on a busy machine."""


@asynccontextmanager
async def statements(world: World) -> AsyncIterator[list[str]]:
    """What is asked of the database while the block runs."""
    found: list[str] = []

    def keep(*arguments: object) -> None:
        found.append(str(arguments[2]))

    engine = world.runtime.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    yield found
    event.remove(engine, "before_cursor_execute", keep)


def unknown_secret() -> str:
    """A secret of the right form, that nobody has."""
    return mint_secret(SecretKind.CLIENT_SECRET).text


async def refuse(world: World, basic: tuple[str, str]) -> None:
    answer = await ask(world, "token", GRANT, basic=basic)
    assert answer.status_code == 401, answer.text


async def work_for(world: World, basic: tuple[str, str]) -> list[str]:
    """The statements that a refused request costs, those of the background left out."""
    async with statements(world) as found:
        await refuse(world, basic)
    background = ("FROM changes", "BEGIN")
    return [statement for statement in found if not any(word in statement for word in background)]


async def ended(world: World) -> list[Client]:
    """Clients whose secret was revoked, is quarantined, has expired, and one that was disabled."""
    clients = [await new_client(world) for _ in range(4)]
    revoked, quarantined, expired, disabled = clients
    for client in clients:
        await token_of(world, client)  # they are in memory now
    await set_credential(world, revoked.credential_id, status=CredentialStatus.REVOKED)
    await set_credential(world, quarantined.credential_id, status=CredentialStatus.QUARANTINED)
    await set_credential(
        world, expired.credential_id, expires_at=world.clock.now() + timedelta(minutes=1)
    )
    await token_of(world, expired)  # so is when it will expire
    async with world.work() as uow:
        row = await uow.get(Service, disabled.id)
        assert row is not None
        row.status = PrincipalStatus.DISABLED
        uow.emit(EventType.SERVICE_DISABLED, row)
    await world.advance(timedelta(minutes=1))
    await world.runtime.changes.poll()
    return clients


async def test_te_13_whatever_is_wrong_costs_one_look_up_each_time(world: World) -> None:
    client, other = [await new_client(world) for _ in range(2)]
    await token_of(world, client)  # it is in memory now
    nobody = new_id(IdKind.SERVICE, world.clock.now())
    refused = [
        (client.id, unknown_secret()),
        (nobody, unknown_secret()),
        ("nobody", unknown_secret()),
        (other.id, client.secret),
        *(one.basic for one in await ended(world)),
    ]
    for _ in range(2):
        costs = [await work_for(world, basic) for basic in refused]
        assert all(cost == costs[0] for cost in costs)
        assert len(costs[0]) == 1
    for client_id in (client.id, nobody, "nobody"):  # what is no secret is no secret of anybody
        assert await work_for(world, (client_id, "not a secret")) == []


async def test_te_13_who_is_refused_takes_nothing_from_the_memory_of_the_others(
    world: World,
) -> None:
    client, other = [await new_client(world) for _ in range(2)]
    await token_of(world, client)
    await refuse(world, (other.id, client.secret))
    async with statements(world) as found:
        await token_of(world, client)
    assert not [statement for statement in found if "secret_hash" in statement]


@pytest.mark.long
async def test_te_13_refusals_take_the_same_time(world: World) -> None:
    """Who does not have a secret learns nothing by the clock, nor does who has one that ended."""
    client = await new_client(world)
    await token_of(world, client)
    revoked, *_, disabled = await ended(world)
    nobody = new_id(IdKind.SERVICE, world.clock.now())
    taken: dict[str, list[float]] = {"wrong": [], "unknown": [], "revoked": [], "disabled": []}
    for number in range(ROUNDS):
        tries = [
            ("wrong", (client.id, unknown_secret())),
            ("unknown", (nobody, unknown_secret())),
            ("revoked", revoked.basic),
            ("disabled", disabled.basic),
        ]
        for name, basic in tries[number % 4 :] + tries[: number % 4]:
            begun = time.perf_counter()
            await refuse(world, basic)
            taken[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    least, most = ALIKE
    for name, median in medians.items():
        assert least < median / medians["unknown"] < most, (name, medians)
