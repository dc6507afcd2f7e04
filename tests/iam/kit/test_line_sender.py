import asyncio
import socket
from pathlib import Path

import anyio
import pytest

from iam.errors import IamError
from iam.kit.line_sender import DATAGRAM_BYTES, LINES_AT_ONCE, sender
from iam.kit.outbound import Outbound
from tests.receiver import receiving

pytestmark = pytest.mark.anyio

LOOPBACK = Outbound(allow=["127.0.0.1"])


async def test_lines_are_posted_in_batches_with_a_token() -> None:
    lines = [f"m value={number} 1" for number in range(LINES_AT_ONCE + 1)]
    async with receiving() as receiver:
        url = receiver.url("/api/v2/write?bucket=iam")
        await sender(url, token="hidden", outbound=LOOPBACK).send(lines)
        first, second = receiver.requests
        assert (first.path, first.headers["authorization"]) == (
            "/api/v2/write?bucket=iam",
            "Token hidden",
        )
        assert (first.body + b"\n" + second.body).decode().split("\n") == lines


async def test_a_receiver_that_refuses_is_an_error_and_its_answer_is_not_told() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: 400
        with pytest.raises(IamError, match="answered 400") as caught:
            await sender(receiver.url(), token=None, outbound=LOOPBACK).send(["m value=1 1"])
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "udp"])
async def test_it_goes_nowhere_that_is_not_opened(scheme: str) -> None:
    with pytest.raises(IamError, match="IAM_OUTBOUND_ALLOW"):
        await sender(f"{scheme}://127.0.0.1:8094", token=None, outbound=Outbound()).send(
            ["m v=1 1"]
        )


async def test_packets_are_small_and_hold_whole_lines() -> None:
    lines = [f"measurement_{number} value=1 1" for number in range(200)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        url = f"udp://127.0.0.1:{listener.getsockname()[1]}"
        await sender(url, token=None, outbound=LOOPBACK).send(lines)
        loop, received = asyncio.get_running_loop(), b""
        with anyio.fail_after(30):
            while received.count(b"\n") < len(lines):
                packet = await loop.sock_recv(listener, 65_536)
                assert len(packet) <= DATAGRAM_BYTES
                assert packet.endswith(b"\n")
                received += packet
    assert received.decode().splitlines() == lines


async def test_a_process_of_this_machine_is_reached_by_its_socket(tmp_path: Path) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    path = tmp_path / "telegraf.sock"
    async with await asyncio.start_unix_server(serve, path):
        await sender(f"unix://{path}", token=None, outbound=LOOPBACK).send(["a v=1 1", "b v=2 1"])
        with anyio.fail_after(30):
            assert await received == b"a v=1 1\nb v=2 1\n"
