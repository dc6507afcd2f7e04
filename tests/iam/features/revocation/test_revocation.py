from datetime import timedelta

import pytest
from sqlalchemy import select

from iam.journal.events import EventType
from iam.models import AuditEntry, IssuedToken
from tests.oauth import Client, ask, introspected, new_client, token_of
from tests.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def orders(world: World) -> Client:
    return await new_client(world, name="orders")


async def events(world: World) -> list[AuditEntry]:
    return [entry for entry in await world.events() if entry.type == EventType.TOKEN_REVOKED]


async def revoke(world: World, token: str, client: Client) -> int:
    answer = await ask(world, "revoke", {"token": token}, basic=client.basic)
    return answer.status_code


class TestOwn:
    async def test_a_client_ends_its_token_for_good_with_one_event(
        self, world: World, orders: Client
    ) -> None:
        token = await token_of(world, orders)
        jti = (await introspected(world, token, orders))["jti"]
        assert await revoke(world, token, orders) == 200
        assert await introspected(world, token, orders) == {"active": False}
        assert (await world.client(token).get("/v1/users")).status_code == 401
        (event,) = await events(world)
        assert (event.target_id, event.subject, event.actor_id) == (
            jti, orders.actor.arn, orders.id,
        )  # fmt: skip
        async with world.work() as uow:
            row = await uow.get(IssuedToken, jti)
        assert row is not None
        assert row.revoked_at == world.clock.now()

    async def test_a_second_time_changes_nothing(self, world: World, orders: Client) -> None:
        token = await token_of(world, orders)
        await revoke(world, token, orders)
        await world.advance(timedelta(minutes=1))
        assert await revoke(world, token, orders) == 200
        assert len(await events(world)) == 1
        async with world.work() as uow:
            (revoked_at,) = await uow.scalars(
                select(IssuedToken.revoked_at).where(IssuedToken.revoked_at.is_not(None))
            )
        assert revoked_at == world.clock.now() - timedelta(minutes=1)

    async def test_another_token_of_the_client_goes_on(self, world: World, orders: Client) -> None:
        first, second = [await token_of(world, orders) for _ in range(2)]
        await revoke(world, first, orders)
        assert (await introspected(world, second, orders))["active"]


class TestOthers:
    async def test_te_32_a_token_of_somebody_else_goes_on(
        self, world: World, orders: Client
    ) -> None:
        thief = await new_client(world, name="thief")
        token = await token_of(world, orders, resource=thief.actor.arn)
        assert await revoke(world, token, thief) == 200
        assert (await introspected(world, token, orders))["active"]
        assert not await events(world)

    async def test_mt_02_a_token_of_another_account_goes_on(
        self, world: World, orders: Client
    ) -> None:
        await world.account("acme")
        theirs = await new_client(world, name="orders", account="acme")
        token = await token_of(world, theirs)
        assert await revoke(world, token, orders) == 200
        assert (await introspected(world, token, theirs))["active"]

    async def test_what_is_no_token_or_over_is_answered_like_any_other(
        self, world: World, orders: Client
    ) -> None:
        over = await token_of(world, orders)
        await world.advance(timedelta(hours=2))
        for token in ("x", "a.b.c", over, over[:-4]):
            assert await revoke(world, token, orders) == 200
        assert not await events(world)

    async def test_who_is_not_proven_ends_nothing(self, world: World, orders: Client) -> None:
        token = await token_of(world, orders)
        for form in ({"token": token}, {"token": token, "client_id": orders.id}):
            answer = await ask(world, "revoke", form)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        bearer = await ask(
            world, "revoke", {"token": token}, headers={"Authorization": f"Bearer {token}"}
        )
        assert bearer.status_code == 401
        empty = await ask(world, "revoke", {}, basic=orders.basic)
        assert (empty.status_code, empty.json()["error"]) == (400, "invalid_request")
        assert (await introspected(world, token, orders))["active"]
