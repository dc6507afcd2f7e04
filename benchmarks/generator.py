"""A load generator in a process of its own, for machines without `wrk`.

    python generator.py PORT REQUESTS SECONDS CONNECTIONS

Sockets on one event loop; every connection sends the next request of the file when the last one was
answered. Prints what it saw as one line of JSON.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Seen:
    """What all connections of a run saw."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self.is_over = False


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, requests: Iterator[bytes], seen: Seen) -> None:
        self._requests = requests
        self._seen = seen
        self._began = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take part of an answer, and send the next request when it is whole."""
        received = self._received = self._received + data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(received, 0, head)
        if len(received) < head + 4 + (int(length[1]) if length else 0):
            return
        if self._seen.is_over:  # what was still under way when the run ended is not counted
            return
        self._seen.latencies.append(time.perf_counter() - self._began)
        self._seen.errors += received[9:10] != b"2"
        self._send()

    def connection_lost(self, _exc: Exception | None) -> None:
        """A connection that ends before the run does is an error."""
        self._seen.errors += not self._seen.is_over

    def _send(self) -> None:
        self._received = b""
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))


def read_requests(path: Path) -> list[bytes]:
    """The requests of a file that `load.write_requests` wrote."""
    found: list[bytes] = []
    with path.open("rb") as file:
        while length := file.readline():
            found.append(file.read(int(length)))
    return found


async def run(port: int, requests: list[bytes], seconds: float, connections: int) -> str:
    """Put the load, and say what was seen."""
    loop, seen, turns = asyncio.get_running_loop(), Seen(), itertools.cycle(requests)
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Connection(turns, seen), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    seen.is_over = True
    lasted = time.perf_counter() - began
    for transport, _ in opened:
        transport.close()
    ordered = sorted(seen.latencies) or [0.0]
    return json.dumps({
        "answers": len(seen.latencies),
        "errors": seen.errors,
        "seconds": lasted,
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[len(ordered) * 99 // 100],
    })  # fmt: skip


if __name__ == "__main__":
    port, path, seconds, connections = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        whole = read_requests(Path(path))
        print(runner.run(run(int(port), whole, float(seconds), int(connections))))
