"""Real server processes on loopback, ready when they are yielded and gone afterwards."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.load import Target

ROOT: Final = Path(__file__).parent.parent
READY_SECONDS: Final = 30
_STOP_SECONDS: Final = 15


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    command: list[str], port: int, *, environment: Mapping[str, str], log: Path
) -> Iterator[Target]:
    """Run a server until the block is left. Raises `RuntimeError` when it does not get ready."""
    with (
        log.open("ab") as output,
        subprocess.Popen(  # noqa: S603 -- our own arguments
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**_outer_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            wait_until_ready(process, port, log)
            yield Target(port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server answers its first request with a 200."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_ready(port):
            return
        time.sleep(0.005)
    process.kill()
    raise RuntimeError(f"the server did not get ready:\n{log.read_text(encoding='utf-8')[-4000:]}")


def is_ready(port: int) -> bool:
    """Whether the key set is served there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET /oauth2/jwks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _outer_environment() -> dict[str, str]:
    # What is measured must not depend on how the shell is set up to use some installation.
    return {name: value for name, value in os.environ.items() if not name.startswith("IAM_")}
