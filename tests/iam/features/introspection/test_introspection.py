from datetime import timedelta
from typing import Any

import pytest

from iam.features.principals.service import set_status
from iam.journal.events import EventType
from iam.models import (
    Account,
    AccountStatus,
    CredentialStatus,
    Installation,
    PrincipalStatus,
    Service,
)
from tests.oauth import Client, ask, introspected, new_client, set_credential, token_of
from tests.world import ISSUER, World

pytestmark = pytest.mark.anyio

INACTIVE = {"active": False}
BILLING = "https://billing.corp/api"


@pytest.fixture
async def orders(world: World) -> Client:
    return await new_client(world, name="orders")


@pytest.fixture
async def billing(world: World) -> Client:
    return await new_client(world, name="billing", audiences=[BILLING])


class TestAnswer:
    async def test_the_audience_learns_what_the_token_says(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        token = await token_of(world, orders, resource=BILLING)
        now = int(world.clock.now().timestamp())
        for _ in range(2):  # read, and then remembered
            answer = await introspected(world, token, billing)
            assert answer.pop("jti").startswith("tok_")
            assert answer == {
                "active": True, "token_type": "Bearer", "iss": ISSUER, "aud": BILLING,
                "sub": orders.id, "client_id": orders.id, "arn": orders.actor.arn,
                "account": "main", "epoch": 1, "iat": now, "nbf": now, "exp": now + 3600,
            }  # fmt: skip

    async def test_te_31_others_learn_nothing_and_strangers_are_sent_away(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        token = await token_of(world, orders, resource=BILLING)
        third = await new_client(world, name="third")
        assert (await introspected(world, token, orders))["active"]  # about its own
        assert await introspected(world, token, third) == INACTIVE
        assert await introspected(world, await token_of(world, orders), billing) == INACTIVE
        for form, basic in (
            ({"token": token}, None),
            ({"token": token, "client_id": billing.id}, None),
            ({"token": token}, (billing.id, orders.secret)),
        ):
            answer = await ask(world, "introspect", form, basic=basic)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    async def test_mt_02_a_token_of_another_account_is_nothing_here(
        self, world: World, billing: Client
    ) -> None:
        await world.account("acme")
        client = await new_client(world, account="acme")
        namesake = await new_client(world, name="billing", account="acme", audiences=[BILLING])
        token = await token_of(world, client, resource=BILLING)
        assert await introspected(world, token, billing) == INACTIVE
        assert (await introspected(world, token, namesake))["account"] == "acme"

    async def test_te_30_a_token_that_was_tampered_with_is_nothing(
        self, world: World, orders: Client
    ) -> None:
        token = await token_of(world, orders)
        assert (await introspected(world, token, orders))["active"]
        header, payload, signature = token.split(".")
        for broken in (
            *(token[:-n] for n in range(1, 9)), f"{token}A", f"{token}=", f"{token} ",
            token.swapcase(), token.replace(".", "%2E"), f"{header}.{payload}.",
            f"{header}.{payload}.{signature[::-1]}", f"{payload}.{header}.{signature}",
            "x", "a.b.c", "\x00",
        ):  # fmt: skip
            assert await introspected(world, broken, orders) == INACTIVE

    async def test_a_request_without_a_token_is_no_request(
        self, world: World, orders: Client
    ) -> None:
        answer = await ask(world, "introspect", {}, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_te_29_no_answer_may_be_kept(self, world: World, orders: Client) -> None:
        for basic in (orders.basic, None):
            answer = await ask(world, "introspect", {"token": "x"}, basic=basic)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["pragma"] == "no-cache"


class TestBearer:
    async def test_a_token_for_this_service_proves_the_caller_too(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        asked = await token_of(world, orders, resource=BILLING)
        headers = {"Authorization": f"Bearer {await token_of(world, billing)}"}
        answer = await ask(world, "introspect", {"token": asked}, headers=headers)
        assert answer.json()["sub"] == orders.id

    async def test_a_token_for_another_service_proves_nobody_here(
        self, world: World, orders: Client
    ) -> None:
        elsewhere = await token_of(world, orders, resource=orders.actor.arn)
        for bearer in (elsewhere, "x", ""):
            headers = {"Authorization": f"Bearer {bearer}"}
            answer = await ask(world, "introspect", {"token": elsewhere}, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
            assert answer.headers["www-authenticate"].startswith("Bearer ")

    async def test_a_caller_that_proves_itself_twice_is_refused(
        self, world: World, orders: Client
    ) -> None:
        headers = {"Authorization": f"Bearer {await token_of(world, orders)}"}
        form = {"token": "x", "client_id": orders.id, "client_secret": orders.secret}
        answer = await ask(world, "introspect", form, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def end(world: World, what: str, client: Client) -> None:
    """Do the thing that must end the client's token."""
    account = client.actor.account
    if what in {"revoked", "quarantined"}:
        status = CredentialStatus(what)
        await set_credential(world, client.credential_id, account=account, status=status)
        return
    async with world.work(account) as uow:
        row: Any
        if what == "disabled":
            await set_status(uow, Service, client.id, status=PrincipalStatus.DISABLED)
        elif what == "suspended":
            await uow.see_all_accounts()
            row = await uow.get(Account, "acme")
            row.status = AccountStatus.SUSPENDED
            uow.emit(EventType.ACCOUNT_SUSPENDED, row)
        elif what == "restored":
            row = await uow.get(Installation, 1)
            row.restore_epoch += 1
            uow.emit(EventType.INSTALLATION_UPDATED, row)
        else:
            row = await uow.get(Service, client.id)
            uow.emit(EventType.SERVICE_DELETED, row)
            await uow.delete(row)


class TestEnding:
    async def test_a_token_ends_at_once_with_whatever_ends_it(self, world: World) -> None:
        await world.account("acme")
        for what in ("revoked", "quarantined", "disabled", "deleted", "suspended"):
            client, peer = [
                await new_client(world, account="acme", audiences=[f"https://{what}-{n}.corp"])
                for n in range(2)
            ]
            token = await token_of(world, client, resource=peer.actor.arn)
            assert (await introspected(world, token, peer))["active"], what
            await end(world, what, client)
            if what != "suspended":  # then the peer is out as well
                assert await introspected(world, token, peer) == INACTIVE, what
            answer = await ask(world, "introspect", {"token": token}, basic=client.basic)
            assert answer.status_code == 401, what

    async def test_a_restore_ends_every_token_of_before(self, world: World, orders: Client) -> None:
        token = await token_of(world, orders)
        assert (await introspected(world, token, orders))["active"]
        await end(world, "restored", orders)
        assert await introspected(world, token, orders) == INACTIVE
        assert (await introspected(world, await token_of(world, orders), orders))["active"]

    async def test_a_token_from_before_a_disable_stays_ended(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        token = await token_of(world, orders, resource=BILLING)
        for status in (PrincipalStatus.DISABLED, PrincipalStatus.ACTIVE):
            async with world.work() as uow:
                await set_status(uow, Service, orders.id, status=status)
            assert await introspected(world, token, billing) == INACTIVE

    async def test_a_token_ends_by_the_clock(self, world: World, orders: Client) -> None:
        token = await token_of(world, orders)
        assert (await introspected(world, token, orders))["active"]
        await world.advance(timedelta(minutes=60) - timedelta(seconds=1))
        assert (await introspected(world, token, orders))["active"]
        await world.advance(timedelta(seconds=1))
        assert await introspected(world, token, orders) == INACTIVE

    async def test_a_replica_that_lost_sight_of_the_database_says_nothing(
        self, world: World, orders: Client
    ) -> None:
        token = await token_of(world, orders)
        await world.runtime.changes.stop()
        world.clock.advance(timedelta(seconds=6))
        for headers, basic in (({}, orders.basic), ({"Authorization": f"Bearer {token}"}, None)):
            answer = await ask(world, "introspect", {"token": token}, basic=basic, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
