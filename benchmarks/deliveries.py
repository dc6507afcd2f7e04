"""A backlog of 100,000 events beside the token endpoint, with one receiver that never answers.

On SQLite the server itself delivers; on PostgreSQL a worker does, on the same machine. The token
endpoint is measured before and during; the backlog is left when that is done.
"""

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import asyncpg
import httpx2

from benchmarks.asking import fetch_tokens, token_request
from benchmarks.comparing import Row
from benchmarks.installation import Installation
from benchmarks.load import Target, put_load, warm_up, write_requests
from benchmarks.processes import free_port, serving
from benchmarks.scene import Scene
from iam.kit.row_security import ALL_ACCOUNTS, SETTING

BACKLOG: Final = 100_000
SUBJECTS: Final = 5_000
RUNS: Final = 5
BAR: Final = 2.0
_WATCHED_SECONDS: Final = 10.0
_COLUMNS: Final = "id, account, type, subject, payload, created_at"
_PAYLOAD: Final = '{"actor": "arn", "before": null, "after": {"name": "x"}, "detail": {}}'


@dataclass
class Receiver:
    """Takes webhooks on a thread of its own; what comes to `/dead` is never answered."""

    port: int = 0
    count: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST /dead"):
                await reader.read()
                return
            self.count += 1
            writer.write(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it hung up, or the benchmark is over
        finally:
            writer.close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver, while the block runs."""
    receiver = Receiver(free_port())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    start = asyncio.start_server(receiver.serve, "127.0.0.1", receiver.port, backlog=1024)
    server = asyncio.run_coroutine_threadsafe(start, loop).result(30)
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def on_sqlite(scene: Scene) -> Iterator[Row]:
    """The server delivers by itself, at most so many a second."""
    installation = scene.on_sqlite
    yield _measured("backlog, SQLite", installation, lambda: _fill_sqlite(installation))


def on_postgresql(scene: Scene) -> Iterator[Row]:
    """A worker delivers, as fast as it can."""
    installation = scene.on_postgresql

    def fill() -> None:
        asyncio.run(_fill_postgresql(scene.postgresql.url))

    yield _measured("backlog, PostgreSQL", installation, fill, with_worker=True)


def _measured(
    name: str, installation: Installation, fill: Callable[[], None], *, with_worker: bool = False
) -> Row:
    requests = write_requests(map(token_request, installation.clients))
    with ExitStack() as open_, receiving() as receiver:
        port = free_port()
        environment = {
            **installation.environment,
            "IAM_PORT": str(port),
            "IAM_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
        }
        log = installation.directory / "deliveries.log"
        server = open_.enter_context(
            serving(["iam", "serve"], port, environment=environment, log=log)
        )
        _aim(installation, server, receiver)
        warm_up(server, requests)
        quiet = [put_load(server, requests).p99_ms for _ in range(RUNS)]
        fill()
        if with_worker:
            open_.enter_context(_worker(environment, installation))
        _wait_for_first(receiver)
        busy = [put_load(server, requests).p99_ms for _ in range(RUNS)]
        rate = _rate(receiver)
    requests.unlink()
    ratio = median(busy) / median(quiet)
    measured = {
        "p99 ms": f"{median(busy):.1f}",
        "quiet p99": f"{median(quiet):.1f}",
        "p99 ratio": f"{ratio:.2f}",
        "delivered/s": f"{rate:.0f}",
    }
    details = {"quiet": quiet, "busy": busy, "rate": rate, "backlog": BACKLOG}
    return Row(name, measured, bar=f"<= {BAR:.1f}", is_met=ratio <= BAR, details=details)


@contextmanager
def _worker(environment: dict[str, str], installation: Installation) -> Iterator[None]:
    log = installation.directory / "worker.log"
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [sys.executable, "-m", "iam", "worker"],
            env=environment,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def _aim(installation: Installation, server: Target, receiver: Receiver) -> None:
    (token,) = fetch_tokens(server, [installation.administrator])
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        for name in ("fine", "dead"):
            url = f"http://127.0.0.1:{receiver.port}/{name}"
            body = {"name": name, "url": url, "event_types": ["iam.user.*"]}
            headers = {"Authorization": f"Bearer {token}"}
            client.post("/v1/webhooks", json=body, headers=headers).raise_for_status()


def _events() -> Iterator[tuple[Any, ...]]:
    for number in range(BACKLOG):
        subject = f"arn:iam:iam::main:user/bench-{number % SUBJECTS}"
        yield f"evt_bench{number:020}", "main", "iam.user.updated.v1", subject, _PAYLOAD


def _fill_sqlite(installation: Installation) -> None:
    path = installation.database_url.partition("///")[2]
    sql = f"INSERT INTO outbox_messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, datetime('now'))"  # noqa: S608 -- our own names
    with sqlite3.connect(path, timeout=60) as connection:
        connection.executemany(sql, _events())


async def _fill_postgresql(url: str) -> None:
    address = url.replace("postgresql+asyncpg", "postgresql")
    connection = await asyncpg.connect(address, server_settings={SETTING: ALL_ACCOUNTS})
    try:
        await connection.executemany(
            f"INSERT INTO outbox_messages ({_COLUMNS}, position)"  # noqa: S608 -- our own names
            " VALUES ($1, $2, $3, $4, $5, now(), nextval('outbox_messages_position'))",
            list(_events()),
        )
    finally:
        await connection.close()


def _wait_for_first(receiver: Receiver) -> None:
    deadline = time.monotonic() + 60
    while not receiver.count:
        if time.monotonic() > deadline:
            raise RuntimeError("nothing was delivered within a minute")
        time.sleep(0.1)


def _rate(receiver: Receiver) -> float:
    """Deliveries a second, with nothing else to do."""
    before, began = receiver.count, time.monotonic()
    time.sleep(_WATCHED_SECONDS)
    return (receiver.count - before) / (time.monotonic() - began)
