"""A host of its own for one test: a data directory, a home directory, `iam` as real processes."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 180.0
"""Seconds that a process may take on a busy machine before a test gives up on it."""


@dataclass
class Served:
    """A running server or worker: its address, if any, and every line it has written so far."""

    process: subprocess.Popen[str]
    url: str = ""
    ready: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """All that the server has written."""
        return "".join(self.lines)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(by)
        return self.process.wait(PATIENCE)


@dataclass
class Host:
    """One machine with `iam` on it."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "iam")
    """What Python runs: `iam`, or something that stands in for it."""

    @property
    def data(self) -> Path:
        """The data directory of the server."""
        return self.directory / "data"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every process here; nothing of the machine that runs the tests."""
        return {
            "HOME": str(self.directory / "home"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "IAM_DATA_DIR": str(self.data),
            **self.settings,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `iam` with these arguments to its end; `more` are variables."""
        return subprocess.run(
            [sys.executable, *self.program, *arguments],
            check=False,
            cwd=self.directory,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def serve(self, *arguments: str) -> AbstractContextManager[Served]:
        """Run the server on a free port until the block is left."""
        return self._running("serve", "--port", "0", *arguments, says="ready")

    def work(self) -> AbstractContextManager[Served]:
        """Run a worker until the block is left."""
        return self._running("worker", says="working")

    @contextmanager
    def _running(self, *arguments: str, says: str) -> Iterator[Served]:
        """Run a process; the block begins when it has logged the event `says`."""
        with subprocess.Popen(
            [sys.executable, *self.program, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            served = Served(process)
            is_ready = threading.Event()
            reader = threading.Thread(target=_follow, args=(served, says, is_ready))
            reader.start()
            try:
                assert is_ready.wait(PATIENCE), served.log
                assert served.ready, served.log
                yield served
            finally:
                if process.poll() is None:
                    served.stop()
                reader.join(PATIENCE)


def event_of(line: str) -> str:
    """What a log line tells of; empty when it is none."""
    try:
        event: str = json.loads(line)["event"]
    except (ValueError, LookupError, TypeError):
        return ""
    return event


def _follow(served: Served, says: str, is_ready: threading.Event) -> None:
    assert served.process.stdout is not None
    for line in served.process.stdout:
        served.lines.append(line)
        if event_of(line) == says:
            served.ready = json.loads(line)
            served.url = served.ready.get("url", "")
            is_ready.set()
    is_ready.set()  # it has ended: whoever waits shall see its last words
