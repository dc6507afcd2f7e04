"""Events on a real NATS server with JetStream."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from sqlalchemy import update

from iam.models import Delivery
from tests import world as worlds
from tests.world import World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
TOKEN = "nats-token-canary"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The port of a NATS server that wants a token."""
    program = Path(sys.executable).with_name("nats-server")
    told = tmp_path / "ports"
    told.mkdir()
    options = ["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", str(tmp_path / "store")]
    with subprocess.Popen(
        [str(program), *options, "--auth", TOKEN, "--ports_file_dir", str(told)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            yield _port(told)
        finally:
            running.terminate()


def _port(told: Path) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for file in told.iterdir():
            ports = json.loads(file.read_text() or "{}").get("nats")
            if ports:
                return int(ports[0].rpartition(":")[2])
        time.sleep(0.02)
    raise AssertionError("the NATS server did not start")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A running installation that may call loopback."""
    allow = ("127.0.0.0/8",)
    async with worlds.open_world(database_url, tmp_path, outbound_allow=allow) as opened:
        yield opened


@asynccontextmanager
async def stream_of(port: int) -> AsyncIterator[JetStreamContext]:
    """A stream that takes every event of account `main`."""
    client = await nats.connect(f"nats://127.0.0.1:{port}", token=TOKEN)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="events", subjects=["iam.main.>"])
        yield stream
    finally:
        await client.close()


async def received(stream: JetStreamContext, count: int) -> list[Any]:
    subscription = await stream.subscribe("iam.main.>", ordered_consumer=True)
    async with asyncio.timeout(30):
        return [await subscription.next_msg(timeout=30) for _ in range(count)]


async def test_events_are_in_the_stream_once_each_and_in_order(post: Any, server: int) -> None:
    url = f"nats://127.0.0.1:{server}"
    await post.webhook(kind="nats", url=url, secret=TOKEN, event_types=["iam.user.*"])
    await post.user("ana")
    await post.describe("ana", "x")
    async with stream_of(server) as stream:
        await post.pump.settle()
        told = await received(stream, 2)
        assert [message.subject for message in told] == [
            "iam.main.user.created",
            "iam.main.user.updated",
        ]
        events = [json.loads(message.data) for message in told]
        assert [message.headers["Nats-Msg-Id"] for message in told] == [e["id"] for e in events]
        assert events[1]["data"]["after"] == {"description": "x"}
        assert [each["state"] for each in await post.deliveries()] == ["delivered"] * 2
        await again(post)  # a crash between sending and marking would do the same
        info = await stream.stream_info("events")
        assert info.state.messages == 2


async def again(post: Any) -> None:
    """Let every delivery go out once more."""
    async with post.world.work() as uow:
        await uow.execute(update(Delivery).values(state="pending", ended_at=None))
    await post.pump.settle()
    assert [each["attempts"] for each in await post.deliveries()] == [2, 2]


async def test_without_a_stream_or_with_a_wrong_token_they_wait(post: Any, server: int) -> None:
    url = f"nats://127.0.0.1:{server}"
    await post.webhook("nobody", kind="nats", url=url, secret=TOKEN, event_types=["iam.user.*"])
    await post.webhook("wrong", kind="nats", url=url, secret="x", event_types=["iam.user.*"])
    await post.user("ana")
    await post.pump.settle()
    reasons = {name: await post.deliveries(name) for name in ("nobody", "wrong")}
    assert [each["last_reason"] for each in reasons["nobody"]] == ["no_stream"]
    assert [each["last_reason"] for each in reasons["wrong"]] == ["connect"]
    assert TOKEN not in str(reasons)
