"""Processes of the demo: started, waited for, and stopped whatever happens."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx2

START_SECONDS: Final = 120
STOP_SECONDS: Final = 10
NEARBY: Final = httpx2.Client(timeout=30, trust_env=False)
"""One client for all that is asked on this machine; no proxy stands between."""


@contextmanager
def running(
    command: list[str], environment: dict[str, str], output: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is stopped afterwards, gently at first."""
    process = None
    try:
        with undisturbed():  # a process that nobody knows yet, nobody would stop
            process = subprocess.Popen(  # noqa: S603 -- our own programs
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        yield process
    finally:
        if process is not None:
            with undisturbed():
                stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process, gently at first. Returns when it is gone."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a signal that comes meanwhile wait until the end."""
    came: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    earlier = {each: signal.signal(each, lambda number, _: came.append(number)) for each in signals}
    try:
        yield
    finally:
        for each, handler in earlier.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)


def wait_until_up(url: str) -> None:
    """Wait until somebody answers at this URL. Raises TimeoutError."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(url):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answers at {url}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether the answer at this URL is 200."""
    try:
        return NEARBY.get(url, timeout=2).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
