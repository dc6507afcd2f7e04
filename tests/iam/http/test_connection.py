"""What only a client without a library would send, to a server on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from iam.http import connection
from iam.server import server_config

pytestmark = pytest.mark.anyio

GOOD = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "a strange coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks that are not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET /x HTTP/1.1\nHost: a\n\n",
    "a folded header": b"GET /x HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "a NUL": b"GET /x HTTP/1.1\r\nHost: a\x00\r\n\r\n",
}


async def answer_ok(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    while scope["path"] == "/read" and (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(0.6)  # longer than an impatient deadline
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server like ours around the simplest application."""
    config = server_config(answer_ok)
    config.lifespan = "off"
    config.load()
    state = uvicorn.server.ServerState()

    def accept() -> asyncio.Protocol:
        protocol: asyncio.Protocol = connection.BoundedConnection(
            config=config, server_state=state, app_state={}
        )
        return protocol

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def answered(port: int, *parts: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:  # it closed while we still wrote
        return b""
    finally:
        writer.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(connection, "WATCH_SECONDS", 0.05)


@pytest.mark.parametrize("name", SMUGGLED)
async def test_hd_06_two_readings_of_one_message_end_the_connection(port: int, name: str) -> None:
    answer = await answered(port, SMUGGLED[name], GOOD)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b" 200 " not in answer


async def test_ds_11_an_endless_head_ends_the_connection(port: int) -> None:
    parts = [b"a" * 8_192] * 100
    answer = await answered(port, b"GET /x HTTP/1.1\r\nHost: a\r\nx: ", *parts)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("begun", [b"", b"GET /x HT", GOOD + b"GET /x HTTP/1.1\r\nHost"])
async def test_ds_02_a_head_that_does_not_end_in_time_ends_the_connection(
    port: int, begun: bytes
) -> None:
    answer = await answered(port, begun)
    assert answer.count(b" 200 ") == begun.startswith(GOOD)
    assert b" 408 " not in answer  # there is no request yet that it could answer


@pytest.mark.usefixtures("impatient")
async def test_ds_02_a_body_that_does_not_end_in_time_is_refused(port: int) -> None:
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    answer = await answered(port, head, b"a")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b" 200 " not in answer


@pytest.mark.usefixtures("impatient")
async def test_ds_02_nobody_waits_for_the_body_of_what_was_answered_already(port: int) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    answer = await answered(port, head, b"a")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b" 408 " not in answer


@pytest.mark.usefixtures("impatient")
async def test_a_slow_answer_or_an_idle_connection_has_no_deadline(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(GOOD)
        assert b" 200 " in await reader.readuntil(b"ok")
        await asyncio.sleep(0.5)
    writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_pipelined_body_is_due_only_after_the_answer_before_it(port: int) -> None:
    slow = GOOD.replace(b"/x", b"/slow")
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    answer = await answered(port, slow + head + b"a")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.partition(b"ok")[2].startswith(b"HTTP/1.1 408 ")
