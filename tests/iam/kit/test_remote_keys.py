"""Key sets of others, fetched from a real server on loopback that may behave badly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from iam.kit.clock import ManualClock
from iam.kit.outbound import Outbound
from iam.kit.remote_keys import MAX_BYTES, RemoteKeySets

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
COOLDOWN = timedelta(seconds=30)


def jwk(kid: str, **members: object) -> dict[str, Any]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "alg": "ES256", "kid": kid, **members}


def jwks(*kids: str) -> bytes:
    return orjson.dumps({"keys": [jwk(kid) for kid in kids]})


@dataclass
class Publisher:
    """Answers with `body` and `status`, when it `answers`; counts how often it was asked."""

    body: bytes
    status: str = "200 OK"
    headers: str = ""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    asked: int = 0
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await self.answers.wait()
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n{self.headers}\r\n"
        try:
            writer.write(head.encode() + self.body)
            await writer.drain()
        except ConnectionError:
            pass  # the client had enough, as it should
        finally:
            writer.close()


@asynccontextmanager
async def publishing(body: bytes) -> AsyncIterator[tuple[Publisher, RemoteKeySets]]:
    publisher = Publisher(body)
    publisher.answers.set()
    server = await asyncio.start_server(publisher.serve, "127.0.0.1", 0)
    publisher.port = server.sockets[0].getsockname()[1]
    outbound = Outbound(allow=["127.0.0.0/8"])
    try:
        yield publisher, RemoteKeySets(outbound, publisher.clock, max_addresses=2)
    finally:
        publisher.answers.set()
        await outbound.aclose()
        server.close()
        await asyncio.sleep(0)  # so that whoever was answering can hang up


async def test_a_set_is_fetched_once_for_all_who_ask() -> None:
    async with publishing(jwks("a", "b")) as (publisher, remote):
        found = await asyncio.gather(*(remote.get(publisher.url, kid="a") for _ in range(20)))
        assert all(keys is not None and set(keys) == {"a", "b"} for keys in found)
        assert publisher.asked == 1


async def test_jk_05_made_up_key_ids_cost_one_fetch_per_cool_down() -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        for number in range(200):
            await remote.get(publisher.url, kid=f"made-up-{number}")
        assert publisher.asked == 1
        publisher.clock.advance(COOLDOWN)
        publisher.body = jwks("a", "new")
        keys = await remote.get(publisher.url, kid="new")
        assert keys is not None
        assert "new" in keys
        assert publisher.asked == 2


async def test_jk_06_a_failing_publisher_is_asked_no_oftener() -> None:
    async with publishing(b"") as (publisher, remote):
        publisher.status = "503 Service Unavailable"
        for _ in range(50):
            assert await remote.get(publisher.url, kid="a") is None
        assert publisher.asked == 1


async def test_jk_07_a_hanging_publisher_delays_nobody_who_has_the_key() -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        await remote.get(publisher.url)
        publisher.answers.clear()
        publisher.clock.advance(timedelta(minutes=5))
        published = remote._at(publisher.url)
        keys = await remote.get(publisher.url, kid="a")
        assert keys is not None
        assert published.flight is not None  # still under way: nobody has waited for its end
        waiting = asyncio.create_task(remote.get(publisher.url, kid="unknown"))
        await asyncio.sleep(0)
        assert await remote.get(publisher.url, kid="a") is keys
        assert published.flight is not None
        async with asyncio.timeout(30):
            assert await waiting is keys


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        (b"{}", "200 OK", ""),
        (b'{"keys":[]}', "200 OK", ""),
        (b"<html>", "200 OK", ""),
        (b'{"keys":[' + b" " * MAX_BYTES + b"]}", "200 OK", ""),
        (orjson.dumps({"keys": [jwk("x", d="AA")]}), "200 OK", ""),
        (orjson.dumps({"keys": [jwk(str(number)) for number in range(51)]}), "200 OK", ""),
        (b"\x1f\x8b", "200 OK", "Content-Encoding: gzip\r\n"),
        (b"", "302 Found", "Location: http://127.0.0.1/other\r\n"),
    ],
    ids=["object", "empty", "html", "huge", "private", "many", "gzip", "redirect"],
)
async def test_jk_08_and_jk_10_the_last_good_set_outlives_nonsense(
    body: bytes, status: str, headers: str
) -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        good = await remote.get(publisher.url)
        publisher.body, publisher.status, publisher.headers = body, status, headers
        publisher.clock.advance(COOLDOWN)
        assert await remote.get(publisher.url, kid="b") is good
        assert publisher.asked == 2


async def test_jk_09_one_unusable_key_does_not_spoil_the_others() -> None:
    body = orjson.dumps({"keys": [jwk("good"), {"kty": "RSA", "kid": "bad"}]})
    async with publishing(body) as (publisher, remote):
        keys = await remote.get(publisher.url)
        assert keys is not None
        assert set(keys) == {"good"}


async def test_jk_11_a_set_that_could_not_be_renewed_for_a_day_serves_no_more() -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        assert await remote.get(publisher.url) is not None
        publisher.status = "500 Internal Server Error"
        publisher.clock.advance(timedelta(hours=24))
        assert await remote.get(publisher.url, kid="a") is not None
        publisher.clock.advance(timedelta(minutes=1))
        assert await remote.get(publisher.url, kid="a") is None


async def test_a_set_is_renewed_in_the_background() -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        old = await remote.get(publisher.url)
        publisher.body = jwks("a", "b")
        publisher.clock.advance(timedelta(minutes=5))
        assert await remote.get(publisher.url, kid="a") is old
        renewal = remote._published[publisher.url].flight
        assert renewal is not None
        await renewal
        renewed = await remote.get(publisher.url, kid="a")
        assert renewed is not None
        assert set(renewed) == {"a", "b"}
        assert publisher.asked == 2


async def test_the_least_recently_used_address_is_forgotten_first() -> None:
    async with publishing(jwks("a")) as (publisher, remote):
        for path in ("1", "2", "1", "3", "1"):
            await remote.get(f"{publisher.url}/{path}")
        assert publisher.asked == 3
        await remote.get(f"{publisher.url}/2")
        assert publisher.asked == 4


async def test_jk_12_a_target_that_may_not_be_called_has_no_keys() -> None:
    remote = RemoteKeySets(Outbound(), ManualClock(NOON))
    assert await remote.get("http://127.0.0.1/jwks") is None
