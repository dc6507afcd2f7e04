"""Publishing to NATS servers that mean harm; `test_nats.py` of webhooks has a real one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from iam.kit.jetstream import JetStream
from iam.kit.outbound import Outbound

pytestmark = pytest.mark.anyio
SECRET = "nats-token-canary"
HELLO = b'INFO {"server_id":"x","version":"2.11.0","max_payload":1048576,"headers":true}\r\n'

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, *, is_tls: bool = False) -> AsyncIterator[JetStream]:
    """A stream on a server that behaves so."""

    async def hang_up_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # the client hung up, as it should
        finally:
            writer.close()

    server = await asyncio.start_server(hang_up_after, "127.0.0.1", 0)
    stream = JetStream(
        Outbound(allow=["127.0.0.0/8"]),
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        is_tls=is_tls,
        login={"token": SECRET},
        seconds=2,
    )
    try:
        yield stream
    finally:
        await stream.aclose()
        server.close()


async def published(stream: JetStream) -> str | None:
    return await stream.publish("iam.main.user.created", b"{}", message_id="x", content_type="y")


@pytest.mark.parametrize(
    "hello",
    [b"", b"HTTP/1.1 400 no\r\n", b"INFO []\r\n", b"INFO {\r\n", b"\xff" * 200_000],
    ids=["nothing", "http", "a-list", "no-json", "a-long-line"],
)
async def test_wh_07_whatever_a_server_says_it_ends_with_a_reason(hello: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello)
        await writer.drain()

    async with serving(serve) as stream:
        assert await published(stream) in {"connect", "protocol"}


async def test_a_server_that_offers_no_tls_gets_no_password_where_tls_is_a_must() -> None:
    got = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        await writer.drain()
        got.set_result(await reader.read(65_536))

    async with serving(serve, is_tls=True) as stream:
        assert await published(stream) == "tls"
        assert await asyncio.wait_for(got, 30) == b""


async def test_wh_07_a_message_without_end_is_not_kept() -> None:
    sent = 0
    is_over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HELLO + b"PONG\r\nMSG x 1 99999999999\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        finally:
            is_over.set()

    async with serving(serve) as stream:
        assert await published(stream) is not None
        await asyncio.wait_for(is_over.wait(), 30)
        assert sent < 32 * 1024 * 1024, "what the sockets hold, and not what a second brings"
