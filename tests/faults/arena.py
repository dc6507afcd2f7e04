"""One installation that is served by a real process, loaded, damaged, served again and checked."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import httpx2
from sqlalchemy import select

from iam.features.installation.service import bootstrap, start_installation
from iam.kit import schema
from iam.models import Credential as Credentials
from iam.runtime import Runtime
from iam.terminal.host import root_of
from tests.faults.aftermath import probe, settle_all
from tests.faults.checker import violations
from tests.faults.client import Client, Credential
from tests.faults.journal import Journal, read_journal
from tests.faults.load import Cast, done, enroll, play
from tests.faults.nemesis import some_moment
from tests.faults.recovered import read_database
from tests.host import PATIENCE, Host, Served
from tests.ports import free_port
from tests.world import MASTER_KEY, make_settings

READY_SECONDS: Final = 10.0
"""How soon after it is started again a server must be ready: a promise, not patience. What other
programs of the machine took of it is not counted (`starved_seconds`)."""
WARM_LINES: Final = 80
"""How many lines the journal grows by before the damage may be done: 40 operations and more."""
LOAD_SECONDS: Final = 1.0
"""How long the load runs on at most, before the damage is done."""
CAST: Final = 3
"""How many services take part in a round."""
_PROBE_SECONDS: Final = 0.02

Damage = Callable[[Served], None]


class Took(NamedTuple):
    """How long something took.

    Attributes:
        wall: Seconds by the clock on the wall.
        starved: Those of them for which the process had work and no processor, because other
            programs of this machine had them.
    """

    wall: float
    starved: float

    @property
    def own(self) -> float:
        """Seconds that it would have taken with a processor for itself: what is promised."""
        return self.wall - self.starved

    def __str__(self) -> str:
        return f"{self.wall:.1f} s, {self.starved:.1f} s of them without a processor"


@dataclass
class Arena:
    """The installation, and everything that clients of it know.

    Attributes:
        host: Where the server runs.
        port: Where every server listens, one after the other, so that the issuer stays the same.
        database_url: Its database, for the checker.
        journal: What clients sent and were told, over all rounds.
        admin: The credential of the first administrator.
        started_in: How long each process took from its start until its `/readyz` said 200.
        pause: Seconds between the steps before the load: a server that says too early what it has
            done shall stumble under the load and not before.
    """

    host: Host
    port: int
    database_url: str
    journal: Journal
    journal_path: Path
    admin: Credential
    started_in: list[Took] = field(default_factory=list)
    rounds: int = 0
    pause: float = 0.0
    ports: Sequence[int] = ()
    """Of all replicas, where there are several (`fleet.py`)."""

    @contextmanager
    def serve(self) -> Iterator[Served]:
        """Run the server; it is ready when the block begins."""
        began = time.monotonic()
        with self.host.serve("--port", str(self.port)) as served:
            self.wait_until_ready(served, began)
            yield served

    def load_and_damage(self, served: Served, damage: Damage) -> "Round":
        """Load the server, and do the damage at some moment meanwhile."""
        self.rounds += 1
        played = Round(self, Cast(), self.journal.length)
        asyncio.run(played.load(served, damage))
        return played

    def check(self) -> list[str]:
        """Everything that is wrong now; as the file has it, not as memory does."""
        found = asyncio.run(read_database(self.database_url))
        return violations(read_journal(self.journal_path), found)

    @asynccontextmanager
    async def client(self, served: Served) -> AsyncIterator[Client]:
        """A client that speaks as the administrator."""
        client = Client(self.journal, served.url, served.url, ports=self.ports)
        async with client.http:
            client.bearer = done(await client.token(self.admin)).got["access_token"]
            yield client

    def wait_until_ready(self, served: Served, began: float) -> None:
        """Wait, and hold a server that was started at this instant to the promise."""
        while not is_ready(served):
            assert time.monotonic() - began < PATIENCE, served.log
            time.sleep(_PROBE_SECONDS)
        took = Took(time.monotonic() - began, starved_seconds(served.process.pid))
        self.started_in.append(took)
        assert took.own < READY_SECONDS, f"ready after {took}\n{served.log}"


@dataclass
class Round:
    """One load and one damage.

    Attributes:
        arena: Where it is played.
        cast: The services that take part.
        began_at: The line of the journal on which it began.
        over_at: When the damage was over, on the clock of this machine; the rest of the load may
            take longer.
        starved: What the server had waited for a processor by then, in seconds.
    """

    arena: Arena
    cast: Cast
    began_at: int
    over_at: float = 0.0
    starved: float = 0.0

    async def load(self, served: Served, damage: Damage) -> None:
        """Load until the damage is done."""
        stopping = asyncio.Event()
        async with self.arena.client(served) as client:
            for index in range(CAST):
                name = f"svc-{self.arena.rounds}-{index}"
                await enroll(client, name, self.cast, pause=self.arena.pause)
            label = str(self.arena.rounds)
            playing = asyncio.create_task(play(client, self.cast, stopping, label))
            try:
                await self._wait_for_load()
                await some_moment(LOAD_SECONDS)
                await asyncio.to_thread(damage, served)
                self.over_at = time.monotonic()
                if served.process.poll() is None:
                    self.starved = starved_seconds(served.process.pid)
            finally:
                stopping.set()
                await playing

    async def _wait_for_load(self) -> None:
        """Let some operations end, on however busy a machine."""
        enough = self.arena.journal.length + WARM_LINES
        deadline = time.monotonic() + PATIENCE
        while self.arena.journal.length < enough:
            assert time.monotonic() < deadline, "the load makes no progress"
            await asyncio.sleep(_PROBE_SECONDS)

    def look_after(self, served: Served) -> None:
        """Find out what became of everything, on a server that is ready."""
        asyncio.run(self._look_after(served))

    async def _look_after(self, served: Served) -> None:
        operations = self.arena.journal.since(self.began_at)
        async with self.arena.client(served) as client:
            await settle_all(client, self.cast, operations)
            await probe(client, self.cast, operations)


def on_database(url: str, directory: Path) -> dict[str, str]:
    """The settings for a server on a prepared database, whose master key comes from outside."""
    key = directory / "master.key"
    key.write_text(MASTER_KEY.hex())
    key.chmod(0o600)
    return {"IAM_DATABASE_URL": url, "IAM_MASTER_KEY_FILE": str(key)}


def starved_seconds(pid: int) -> float:
    """How long a process would have run, and had to wait for a processor that others used.

    The second figure of `schedstat` (Linux, Documentation/scheduler/sched-stats), in nanoseconds;
    of the thread that serves. Nothing where the kernel does not count it.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def summary(what: str, took: Sequence[Took]) -> str:
    """Median and worst, by the wall clock and without what other programs took, as text."""
    wall, own = [each.wall for each in took], [each.own for each in took]
    return (
        f"{what} after {median(wall):.1f} s (median), {max(wall):.1f} s (worst); with a processor"
        f" of its own {median(own):.1f} s, {max(own):.1f} s"
    )


def describe(arena: Arena) -> str:
    """What was played, as text."""
    told = Counter(found.result.value for found in arena.journal.operations.values())
    ready = summary("ready again", arena.started_in[1:])
    return f"{arena.rounds} rounds, operations {dict(told)}, {ready}"


def is_ready(served: Served) -> bool:
    """What the server itself says."""
    try:
        return httpx2.get(f"{served.url}/readyz", timeout=10).status_code == 200
    except httpx2.HTTPError:
        return False


def open_arena(
    directory: Path, *, database_url: str | None = None, data: Path | None = None
) -> AbstractContextManager[Arena]:
    """Prepare an installation with a first administrator; `data` is its directory, to be made."""
    data = data or directory / "data"
    data.mkdir(mode=0o700)
    url = database_url or f"sqlite+aiosqlite:///{data}/iam.db"
    admin = asyncio.run(_bootstrap(url, data))
    port = free_port()
    settings = {
        **on_database(url, directory),
        "IAM_DATA_DIR": str(data),
        "IAM_ISSUER": f"http://127.0.0.1:{port}",
        "IAM_CREDENTIALS__LIVE_SECRETS": "10",
    }
    host = Host(directory, settings)
    file = directory / "journal"
    return _opened(Arena(host, port, url, Journal(file), file, admin))


@contextmanager
def _opened(arena: Arena) -> Iterator[Arena]:
    with arena.journal:
        yield arena


async def _bootstrap(url: str, data: Path) -> Credential:
    """What `iam bootstrap --local` does, without the seconds that its process takes to start."""
    runtime = Runtime(make_settings(url, data), master_key=MASTER_KEY)
    try:
        await schema.upgrade(runtime.database)
        await start_installation(lambda: runtime.begin(root_of(runtime)))
        async with runtime.begin(root_of(runtime)) as uow:
            first = await bootstrap(uow, service="admin")
            credential = await uow.scalar(select(Credentials.id))
    finally:
        await runtime.database.close()
    return Credential(credential, first.client_id, first.client_secret)
