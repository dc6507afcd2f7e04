"""Load on one address, and what came of it: requests a second, latencies, CPU time of the server.

The generator is `wrk` where it is installed, else `generator.py`, which needs nothing. Both keep 32
connections busy, one request at a time on each, and take their requests in turn from a file that
was written before. A run with any answer but a 2xx is no run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CONNECTIONS: Final = 32
RUN_SECONDS: Final = 3
_WARM_UP_SECONDS: Final = (2, 4, 8, 16)
WRK: Final = shutil.which("wrk")
GENERATOR: Final = "wrk" if WRK else "generator.py"

_HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: where it listens, and its process."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run saw.

    Attributes:
        answers: How many answers came.
        rate: Answers a second.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        cpu_us: CPU time of the server's process for one request, in microseconds.
    """

    answers: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def request(
    method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """One HTTP request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def write_requests(requests: Iterable[bytes]) -> Path:
    """Write requests to a new file, each behind a line with its length."""
    handle, name = tempfile.mkstemp(prefix="iam-bench-", suffix=".requests")
    with os.fdopen(handle, "wb") as file:
        for one in requests:
            file.write(b"%d\n" % len(one) + one)
    return Path(name)


def count_requests(path: Path) -> int:
    """How many requests a file holds."""
    count = 0
    with path.open("rb") as file:
        while length := file.readline():
            file.seek(int(length), os.SEEK_CUR)
            count += 1
    return count


def warm_up(target: Target, requests: Path) -> None:
    """Let a server see each request once: what is measured is one that has run for a while."""
    expected = count_requests(requests)
    for seconds in _WARM_UP_SECONDS:  # each run begins with the first request
        if _seen(target.port, requests, seconds)["answers"] >= expected:
            return


def put_load(target: Target, requests: Path, *, seconds: float = RUN_SECONDS) -> Run:
    """Send these requests for so long. Raises `RuntimeError` if one was not answered by a 2xx."""
    before = _cpu_seconds(target.pid)
    seen = _seen(target.port, requests, seconds)
    spent = _cpu_seconds(target.pid) - before
    if seen["errors"] or not seen["answers"]:
        raise RuntimeError(f"{seen['errors']} of {seen['answers']} answers were none: {seen}")
    answers = seen["answers"]
    return Run(
        answers=answers,
        rate=answers / seen["seconds"],
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        cpu_us=1_000_000 * spent / answers,
    )


def resident_mib(target: Target) -> float:
    """Memory of the server's process, in MiB."""
    for line in Path(f"/proc/{target.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the server has gone away")


def _cpu_seconds(pid: int) -> float:
    # Fields 14 and 15 of proc(5); the second field, the name, may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _seen(port: int, requests: Path, seconds: float) -> dict[str, Any]:
    return (_by_wrk if WRK else _by_generator)(port, requests, seconds)


def _by_wrk(port: int, requests: Path, seconds: float) -> dict[str, Any]:
    command = [
        str(WRK),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "-s",
        str(_HERE / "wrk.lua"),
    ]
    return _last_line([*command, f"http://127.0.0.1:{port}", "--", str(requests)], seconds)


def _by_generator(port: int, requests: Path, seconds: float) -> dict[str, Any]:
    command = [sys.executable, str(_HERE / "generator.py"), str(port), str(requests)]
    return _last_line([*command, str(seconds), str(CONNECTIONS)], seconds)


def _last_line(command: list[str], seconds: float) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 -- our own arguments
        command, check=True, capture_output=True, text=True, timeout=seconds + 30
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
