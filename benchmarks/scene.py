"""Where benchmarks play: servers and databases, started when the first benchmark needs them."""

import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.installation import Installation, prepare
from benchmarks.load import Target
from benchmarks.processes import free_port, serving
from tests.postgres import Server, start_postgres


class Scene:
    """Everything of one run of `./dev bench`; a context manager that leaves nothing behind."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.directory = Path(
            self._open.enter_context(tempfile.TemporaryDirectory(prefix="iam-bench-"))
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    @cached_property
    def floor(self) -> Target:
        """The floor's process."""
        port = free_port()
        command = ["benchmarks.floor", str(port)]
        log = self.directory / "floor.log"
        return self._open.enter_context(serving(command, port, environment={}, log=log))

    @cached_property
    def postgresql(self) -> Server:
        """A PostgreSQL whose commits are durable."""
        return self._open.enter_context(start_postgres(durable=True))

    @cached_property
    def on_postgresql(self) -> Installation:
        """A seeded installation on PostgreSQL."""
        return prepare(self.postgresql.url, self._new_directory("postgresql"))

    @cached_property
    def on_sqlite(self) -> Installation:
        """A seeded installation on SQLite, whose commits are durable always."""
        directory = self._new_directory("sqlite")
        return prepare(f"sqlite+aiosqlite:///{directory}/iam.db", directory)

    def _new_directory(self, name: str) -> Path:
        directory = self.directory / name
        directory.mkdir(mode=0o700)
        return directory
