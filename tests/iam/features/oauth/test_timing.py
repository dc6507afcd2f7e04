"""TE-13: what is wrong with a client's proof shows neither in the work nor in the time."""

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


async def test_te_13_an_unknown_client_costs_what_a_wrong_secret_costs(world: World) -> None:
    client = await new_client(world)
    await token_of(world, client)  # it is in memory now
    nobody = new_id(IdKind.SERVICE, world.clock.now())
    wrong = await work_for(world, (client.id, unknown_secret()))
    unknown = await work_for(world, (nobody, unknown_secret()))
    nonsense = await work_for(world, ("nobody", unknown_secret()))
    assert wrong == unknown == nonsense
    assert len(wrong) == 1
    for client_id in (client.id, nobody, "nobody"):  # what is no secret is no secret of anybody
        assert await work_for(world, (client_id, "not a secret")) == []


async def ended(world: World) -> tuple[Client, Client]:
    """A client whose secret was revoked, and one that was disabled; both well known before."""
    revoked, disabled = [await new_client(world) for _ in range(2)]
    for client in (revoked, disabled):
        await token_of(world, client)
    await set_credential(world, revoked.credential_id, status=CredentialStatus.REVOKED)
    async with world.work() as uow:
        row = await uow.get(Service, disabled.id)
        assert row is not None
        row.status = PrincipalStatus.DISABLED
        uow.emit(EventType.SERVICE_DISABLED, row)
    return revoked, disabled


@pytest.mark.long
async def test_te_13_refusals_take_the_same_time(world: World) -> None:
    """Who does not have a secret learns nothing by the clock, nor does who has one that ended.

    The two pairs differ: what was a secret once is in memory, and what never was one is looked up.
    """
    client = await new_client(world)
    await token_of(world, client)
    revoked, disabled = await ended(world)
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
    assert least < medians["wrong"] / medians["unknown"] < most, medians
    assert least < medians["revoked"] / medians["disabled"] < most, medians
