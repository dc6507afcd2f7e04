"""What the fast lane knows of credentials, and how soon it learns of a change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import update

from iam.features.credentials.rules import live_keys
from iam.features.credentials.service import (
    create_client_secret,
    quarantine_credential,
    register_jwks_uri,
    register_public_key,
    revoke_credential,
)
from iam.features.credentials.snapshots import ClientSnapshots
from iam.features.principals import service as principals
from iam.kit.outbound import Outbound
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import Credential, Service
from tests.world import NOON, Actor, World

pytestmark = pytest.mark.anyio


def jwk(kid: str) -> dict[str, Any]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "alg": "ES256", "kid": kid}


@asynccontextmanager
async def publishing(*keys: dict[str, Any]) -> AsyncIterator[str]:
    """The address of a key set on a real server."""
    body = orjson.dumps({"keys": keys})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
    server.close()


@pytest.fixture
def clients(world: World) -> ClientSnapshots:
    return ClientSnapshots(world.runtime.tools, world.runtime.outbound)


@pytest.fixture
async def billing(world: World) -> Actor:
    return await world.actor(name="billing")


class TestSecrets:
    async def test_a_secret_is_found_by_its_hash_and_ends_when_it_is_revoked(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        async with world.work() as uow:
            held, secret = await create_client_secret(uow, service="billing")
        found = await clients.find_secret(secret, principal_id=billing.id, now=NOON)
        assert found is not None
        assert (found.id, found.principal_id) == (held.credential.id, billing.id)
        assert found.is_live(NOON)
        for change in (quarantine_credential, revoke_credential):
            async with world.work() as uow:
                await change(uow, credential=found.id)
            assert await clients.find_secret(secret, principal_id=billing.id, now=NOON) is None
        assert len(clients.secrets) == 0

    async def test_expiry_follows_from_the_clock_and_not_from_the_cache(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        async with world.work() as uow:
            ends = NOON + timedelta(hours=1)
            _, secret = await create_client_secret(uow, service=billing.name, expires_at=ends)
        last = ends - timedelta(microseconds=1)
        assert await clients.find_secret(secret, principal_id=billing.id, now=last) is not None
        assert await clients.find_secret(secret, principal_id=billing.id, now=ends) is None

    async def test_guesses_fill_no_memory_and_a_new_secret_is_seen_at_once(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        for _ in range(20):
            guess = mint_secret(SecretKind.CLIENT_SECRET).text
            assert await clients.find_secret(guess, principal_id=billing.id, now=NOON) is None
        assert len(clients.secrets) == 0
        async with world.work() as uow:
            _, secret = await create_client_secret(uow, service=billing.name)
        assert await clients.find_secret(secret, principal_id=billing.id, now=NOON) is not None

    async def test_the_secret_of_a_deleted_service_is_gone(
        self, world: World, clients: ClientSnapshots, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        async with world.work() as uow:
            _, secret = await create_client_secret(uow, service="billing")
        assert await clients.find_secret(secret, principal_id=billing.id, now=NOON) is not None
        answer = await admin.http.delete("/v1/services/billing", headers={"if-match": "*"})
        assert answer.status_code == 204
        assert await clients.find_secret(secret, principal_id=billing.id, now=NOON) is None


class TestKeys:
    async def test_registered_keys_are_seen_at_once_and_only_live_ones_verify(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        assert await clients.keys_of(billing.id) == ()
        ids = []
        for kid in ("a", "b"):
            async with world.work() as uow:
                held = await register_public_key(uow, service="billing", public_jwk=jwk(kid))
                ids.append(held.credential.id)
        keys = await clients.keys_of(billing.id, kid="a")
        assert [item.key.kid for item in keys] == ["a", "b"]
        assert [item.credential.id for item in keys] == ids
        async with world.work() as uow:
            await quarantine_credential(uow, credential=ids[0])
        assert set(live_keys(await clients.keys_of(billing.id), NOON)) == {"b"}
        async with world.work() as uow:
            await revoke_credential(uow, credential=ids[1])
        assert set(live_keys(await clients.keys_of(billing.id), NOON)) == set()

    async def test_a_registered_key_outranks_a_published_one_and_an_outage_of_the_publisher(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        async with world.work() as uow:
            await register_public_key(uow, service="billing", public_jwk=jwk("a"))
            await register_jwks_uri(
                uow,
                service="billing",
                jwks_uri="https://127.0.0.1/jwks",
                check_url=lambda _: None,  # the guard refuses it when it is called, too
            )
        keys = await clients.keys_of(billing.id, kid="a")
        assert [item.key.kid for item in keys] == ["a"]
        assert [item.key.kid for item in await clients.keys_of(billing.id, kid="z")] == ["a"]

    async def test_published_keys_belong_to_the_credential_that_names_their_address(
        self, world: World, billing: Actor
    ) -> None:
        outbound = Outbound(allow=["127.0.0.0/8"])
        clients = ClientSnapshots(world.runtime.tools, outbound)
        async with publishing(jwk("p"), jwk("a")) as url:
            async with world.work() as uow:
                own = await register_public_key(uow, service="billing", public_jwk=jwk("a"))
                held = await register_jwks_uri(
                    uow, service="billing", jwks_uri=url, check_url=outbound.check_url
                )
            keys = await clients.keys_of(billing.id, kid="p")
            assert {item.key.kid: item.credential.id for item in keys} == {
                "a": own.credential.id,
                "p": held.credential.id,
            }
        async with world.work() as uow:
            await quarantine_credential(uow, credential=held.credential.id)
        assert [item.key.kid for item in await clients.keys_of(billing.id, kid="p")] == ["a"]
        await outbound.aclose()

    async def test_a_stored_key_that_the_policy_no_longer_takes_is_passed_over(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        async with world.work() as uow:
            held = await register_public_key(uow, service="billing", public_jwk=jwk("a"))
            await register_public_key(uow, service="billing", public_jwk=jwk("b"))
        async with world.runtime.database.connect(writes=True) as connection, connection.begin():
            await connection.execute(
                update(Credential)
                .where(Credential.id == held.credential.id)
                .values(public_jwk={"kty": "oct", "kid": "a"})
            )
        assert [item.key.kid for item in await clients.keys_of(billing.id)] == ["b"]

    async def test_one_principals_keys_are_not_anothers(
        self, world: World, clients: ClientSnapshots, billing: Actor
    ) -> None:
        orders = await world.actor(name="orders")
        async with world.work() as uow:
            await register_public_key(uow, service="billing", public_jwk=jwk("a"))
            await principals.tag(
                uow, Service, "orders", tags={"team": "x"}, expecting=lambda _version: None
            )
        assert len(await clients.keys_of(billing.id)) == 1
        assert await clients.keys_of(orders.id, kid="a") == ()
