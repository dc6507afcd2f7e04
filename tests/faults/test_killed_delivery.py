"""F-01, F-28: the server ends while it delivers: after it took an event, or after it sent it."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.aftermath import settle_all
from tests.faults.arena import Arena, open_arena
from tests.faults.client import Client
from tests.faults.fail_points import DELIVERY_POINTS, FILE
from tests.faults.journal import Result
from tests.faults.load import Cast, done
from tests.faults.nemesis import end_at_point
from tests.faults.rounds import many_rounds
from tests.host import PATIENCE, Served
from tests.receiver import Receiver, receiving

EVENTS = 5

pytestmark = pytest.mark.long


def test_f_28_what_was_taken_or_sent_when_the_server_ended_arrives_with_the_same_id(
    tmp_path: Path,
) -> None:
    with receiver_beside() as receiver, open_arena(tmp_path) as arena:
        file = tmp_path / "fail-point"
        arena.host.program = ("-m", "tests.faults.broken_server")
        more = {FILE: str(file), "IAM_OUTBOUND_ALLOW": "127.0.0.0/8"}
        arena.host.settings = {**arena.host.settings, **more}
        names: list[str] = []
        with arena.serve() as served:
            asyncio.run(subscribe(arena, served, receiver))
        for turn in range(many_rounds(1)):
            for point in DELIVERY_POINTS:
                with arena.serve() as served:
                    file.write_text(point, encoding="ascii")
                    names += asyncio.run(make_users(arena, served, f"{point}-{turn}"))
                    end_at_point(served, file, point)
                file.unlink()
        with arena.serve() as served:
            asyncio.run(settle(arena, served))
            asyncio.run(until_all_arrived(receiver, names, served))
        assert arena.check() == [], served.log
    bodies = defaultdict(set)
    for request in receiver.requests:
        bodies[request.id].add(request.body)
    assert all(len(found) == 1 for found in bodies.values()), "a repeat differs from the first"


async def subscribe(arena: Arena, served: Served, receiver: Receiver) -> None:
    body = {"name": "sink", "url": receiver.url(), "event_types": ["iam.user.*"]}
    async with arena.client(served) as client:
        done(await client.api("webhook.create", "sink", "POST", "/v1/webhooks", body))


async def make_users(arena: Arena, served: Served, label: str) -> list[str]:
    """Users whose events are to arrive: those of which we were told that they were made."""
    names = [f"user-{label.replace('_', '-')}-{number}" for number in range(EVENTS)]
    async with arena.client(served) as client:
        return [name for name in names if await make_user(client, name)]


async def make_user(client: Client, name: str) -> bool:
    operation = await client.api("user.create", name, "POST", "/v1/users", {"name": name})
    return operation.result is Result.OK


async def settle(arena: Arena, served: Served) -> None:
    async with arena.client(served) as client:
        await settle_all(client, Cast(), list(arena.journal.operations.values()))


async def until_all_arrived(receiver: Receiver, names: list[str], served: Served) -> None:
    """Everything is there, and what was sent and never marked has come once more."""
    async with asyncio.timeout(PATIENCE):
        while not has_all(receiver, names) or not has_repeats(receiver):
            assert served.process.poll() is None, served.log
            await asyncio.sleep(0.1)


def has_all(receiver: Receiver, names: list[str]) -> bool:
    return {event["data"]["after"]["name"] for event in receiver.events()} >= set(names)


def has_repeats(receiver: Receiver) -> bool:
    return len({request.id for request in receiver.requests}) < len(receiver.requests)


@contextmanager
def receiver_beside() -> Iterator[Receiver]:
    """A receiver with a thread of its own, which goes on while a server is awaited."""
    found: list[Receiver] = []
    is_listening, loop, stopping = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with receiving() as receiver:
            found.append(receiver)
            is_listening.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert is_listening.wait(PATIENCE)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
