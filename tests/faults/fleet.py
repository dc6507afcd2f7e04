"""Three replicas on one PostgreSQL: what clients ask for goes to one after the other."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.arena import Arena, open_arena
from tests.faults.nemesis import kill
from tests.host import Host, Served
from tests.ports import free_port

REPLICAS: Final = 3


@dataclass
class Fleet:
    """An arena in which several servers serve.

    Attributes:
        arena: Its port is that of the first replica, whose address is the issuer of all.
        hosts: One for each replica.
        replicas: Those that run.
    """

    arena: Arena
    hosts: Sequence[Host]
    replicas: list[Served] = field(default_factory=list)

    @contextmanager
    def serve(self) -> Iterator[Served]:
        """Run all at once; each is ready when the block begins. Yields the first."""
        with ExitStack() as stack:

            def start(index: int) -> Served:
                began = time.monotonic()
                port = str(self.arena.ports[index])
                served = stack.enter_context(self.hosts[index].serve("--port", port))
                self.arena.wait_until_ready(served, began)
                return served

            with ThreadPoolExecutor(len(self.hosts)) as threads:
                self.replicas = list(threads.map(start, range(len(self.hosts))))
            yield self.replicas[0]

    def kill_all(self, _served: Served) -> None:
        """End all replicas at once: the damage of a round."""
        for served in self.replicas:
            kill(served.process.pid)


@contextmanager
def open_fleet(directory: Path, database_url: str, *, count: int = REPLICAS) -> Iterator[Fleet]:
    """Prepare an installation with a first administrator, and a place for each replica."""
    with open_arena(directory, database_url=database_url) as arena:
        arena.ports = [arena.port, *(free_port() for _ in range(count - 1))]
        yield Fleet(arena, [_host(arena, index, port) for index, port in enumerate(arena.ports)])


def _host(arena: Arena, index: int, port: int) -> Host:
    directory = arena.host.directory / f"replica-{index}"
    directory.mkdir()
    own = {"IAM_URL": f"http://127.0.0.1:{port}", "IAM_DATA_DIR": str(directory / "data")}
    settings: Mapping[str, str] = {**arena.host.settings, **own}
    return Host(directory, settings)
