"""What metrics and traces cost the token endpoint: servers with and without, beside each other.

All are on one PostgreSQL and get the same requests in turn. Traces go to a collector that is a
thread of this process and throws them away. Besides the rate, the table shows the CPU time of the
server for one request, which a busy machine disturbs less.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.asking import token_request
from benchmarks.comparing import Row
from benchmarks.load import Run, Target, put_load, warm_up, write_requests
from benchmarks.scene import Scene

ROUNDS: Final = 20
"""Short runs and many: so the noise of a machine hits all of them alike."""
_RUN_SECONDS: Final = 1
_OFF: Final = "off"


def observability(scene: Scene) -> Iterator[Row]:
    """Tokens on PostgreSQL with metrics, with traces, and without either."""
    installation = scene.on_postgresql
    requests = write_requests(map(token_request, installation.clients))
    with ExitStack() as stack:
        collector = stack.enter_context(_collector())
        servers = {
            name: stack.enter_context(installation.served(**settings))
            for name, settings in _kinds(collector).items()
        }
        runs = _measure(servers, requests)
    requests.unlink()
    yield _row("metrics on", runs, bar=0.95)
    yield _row("traces, 1 of 10", runs, bar=0.90)
    yield _row("traces, all", runs)


def _kinds(collector: str) -> Mapping[str, Mapping[str, str]]:
    """Which servers there are, by their settings."""
    without = {"IAM_METRICS__ENABLED": "false"}
    traces = {"IAM_TRACING__ENDPOINT": collector, "IAM_OUTBOUND_ALLOW": '["127.0.0.1"]'}
    return {
        _OFF: without,
        "metrics on": {},
        "traces, 1 of 10": {**without, **traces},
        "traces, all": {**without, **traces, "IAM_TRACING__SAMPLED": "1"},
    }


def _measure(servers: Mapping[str, Target], requests: Path) -> dict[str, list[Run]]:
    for server in servers.values():
        warm_up(server, requests)
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    order = list(servers)
    for number in range(ROUNDS):
        # What one leaves behind, such as spans to be sent, the next one pays for: they take turns.
        first = number % len(order)
        for name in (*order[first:], *order[:first]):
            runs[name].append(put_load(servers[name], requests, seconds=_RUN_SECONDS))
    return runs


def _row(name: str, runs: Mapping[str, list[Run]], *, bar: float | None = None) -> Row:
    pairs = list(zip(runs[_OFF], runs[name], strict=True))
    ratio = median(on.rate / off.rate for off, on in pairs)
    spent = median(on.cpu_us / off.cpu_us for off, on in pairs)
    measured = {
        "ratio": f"{ratio:.3f}",
        "CPU": f"{spent:.3f}",
        "per second": f"{median(on.rate for _, on in pairs):.0f}",
        "off": f"{median(off.rate for off, _ in pairs):.0f}",
        "CPU us": f"{median(on.cpu_us for _, on in pairs):.0f}",
        "off CPU": f"{median(off.cpu_us for off, _ in pairs):.0f}",
    }
    return Row(
        name,
        measured,
        bar=f">= {bar:.2f}" if bar else "",
        is_met=ratio >= bar if bar else None,
        details={"off": runs[_OFF], "on": runs[name], "ratio": ratio, "cpu": spent},
    )


class _Collector(BaseHTTPRequestHandler):
    """Takes what comes."""

    def do_POST(self) -> None:
        """Read it and throw it away."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def _collector() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
