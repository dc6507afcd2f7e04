"""What must hold between replicas that share a PostgreSQL, and when the database goes away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.engine import make_url

from iam.features.principals.service import set_status
from iam.models import CredentialStatus, IssuedToken, PrincipalStatus, Service
from tests.oauth import (
    Client,
    add_key,
    ask,
    assertion_form,
    introspected,
    new_client,
    set_credential,
    token_of,
)
from tests.world import ISSUER, World, open_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True),
]

GRANT = {"grant_type": "client_credentials"}
ROUNDS = [3, pytest.param(30, marks=pytest.mark.long)]


@pytest.fixture
async def other(world: World, database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A second replica on the database of `world`."""
    del world  # it prepares the database first
    async with open_world(database_url, tmp_path) as opened:
        yield opened


async def test_te_16_rc_05_of_100_at_once_on_two_replicas_one_assertion_counts_once(
    world: World, other: World
) -> None:
    orders = await world.actor(name="orders")
    key = await add_key(world, orders)
    for _ in range(3):
        form = {**GRANT, **assertion_form(world, key, orders.id)}
        replicas = [world, other] * 50
        answers = await asyncio.gather(*(ask(replica, "token", form) for replica in replicas))
        assert sorted(answer.status_code for answer in answers) == [200, *[401] * 99]


async def disable(world: World, client: Client) -> None:
    async with world.work() as uow:
        await set_status(uow, Service, client.id, status=PrincipalStatus.DISABLED)


async def revoke(world: World, client: Client) -> None:
    await set_credential(world, client.credential_id, status=CredentialStatus.REVOKED)


@dataclass
class Race:
    """Those who keep asking for tokens of one client, on every replica, whatever happens."""

    replicas: tuple[World, ...]
    client: Client
    is_over: bool = False
    before: int = 0
    after: int = 0
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    is_stopping: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._ask(replica) for replica in self.replicas * 4))

    async def _ask(self, replica: World) -> None:
        while not self.is_stopping:
            began_after = self.is_over
            answer = await ask(replica, "token", GRANT, basic=self.client.basic)
            # A refusal from memory never lets go of the event loop, and there is no socket here.
            await asyncio.sleep(0)
            if answer.status_code == 200:
                self.before += not began_after
                self.after += began_after
                self.has_begun.set()


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("end", [disable, revoke])
async def test_rc_09_nothing_is_issued_after_the_answer_to_a_revocation(
    world: World, other: World, end: Callable[[World, Client], Awaitable[None]], rounds: int
) -> None:
    for _ in range(rounds):
        race = Race((world, other), await new_client(world))
        asking = asyncio.create_task(race.run())
        await race.has_begun.wait()
        await end(world, race.client)
        race.is_over = True
        durable = await count(world, race.client)
        await asyncio.sleep(0.05)
        race.is_stopping = True
        await asking
        assert race.after == 0
        # Not even the ledger has more: who was under way then was written before, or refused.
        assert await count(world, race.client) == durable == race.before


async def count(world: World, client: Client) -> Any:
    async with world.work() as uow:
        query = select(func.count()).select_from(IssuedToken)
        return await uow.scalar(query.where(IssuedToken.credential_id == client.credential_id))


async def test_a_token_that_one_replica_revokes_ends_on_the_other_by_itself(
    world: World, other: World
) -> None:
    client = await new_client(world)
    token = await token_of(world, client)
    assert (await introspected(other, token, client))["active"]
    assert (await ask(world, "revoke", {"token": token}, basic=client.basic)).status_code == 200
    async with asyncio.timeout(30):  # within a second where the machine is not busy
        while (await introspected(other, token, client))["active"]:  # noqa: ASYNC110 -- another replica's memory
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seconds", [20, -20])
async def test_ck_01_clocks_20_seconds_apart_refuse_no_token(
    world: World, other: World, seconds: int
) -> None:
    ahead, behind = (world, other) if seconds > 0 else (other, world)
    client = await new_client(world)
    orders = await world.actor(name="orders")
    key = await add_key(world, orders)
    ahead.clock.step(timedelta(seconds=abs(seconds)))
    for issuing, receiving in ((ahead, behind), (behind, ahead)):
        token = await token_of(issuing, client, resource=ISSUER)
        async with receiving.client(token) as http:
            assert (await http.get("/v1/me")).status_code == 200
        # Nor does what a client signs by one clock fail by the other.
        form = {**GRANT, **assertion_form(issuing, key, orders.id)}
        assert (await ask(receiving, "token", form)).status_code == 200


class Line:
    """The network between a replica and its database, which can be cut."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return self._url.set(port=self._port).render_as_string(hide_password=False)

    async def connect(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await asyncio.open_connection(self._url.host, self._url.port)
        self._open |= {writer, far[1]}
        await asyncio.gather(self._copy(reader, far[1]), self._copy(far[0], writer))
        self._open -= {writer, far[1]}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[Line]:
    line = Line(make_url(database_url))
    await line.connect()
    yield line
    await line.cut()


@pytest.fixture
async def far_world(line: Line, tmp_path: Path) -> AsyncIterator[World]:
    """A replica that reaches its database over the line."""
    async with open_world(line.url, tmp_path) as opened:
        yield opened


async def test_f_05_without_the_database_nothing_is_issued_and_then_it_goes_on(
    far_world: World, line: Line
) -> None:
    client, unseen = [await new_client(far_world) for _ in range(2)]
    kept = await token_of(far_world, client)
    keys = await far_world.http.get("/oauth2/jwks")
    await line.cut()
    for one in (client, unseen, client):
        answer = await ask(far_world, "token", GRANT, basic=one.basic)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
    document = await far_world.http.get("/.well-known/oauth-authorization-server")
    assert document.status_code == 200
    assert (await far_world.http.get("/oauth2/jwks")).content == keys.content
    await line.connect()
    for one in (client, unseen):
        await token_of(far_world, one)
    assert (await introspected(far_world, kept, client))["active"]


async def test_f_05_a_connection_that_was_lost_between_two_batches_costs_no_request(
    far_world: World, line: Line
) -> None:
    client = await new_client(far_world)
    await token_of(far_world, client)
    await line.cut()
    await line.connect()
    await token_of(far_world, client)
