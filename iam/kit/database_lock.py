"""One server on one SQLite database: a lock that the operating system gives up with the process.

The lock is `flock` on a file beside the database, so it vanishes with its holder, however that
ends. The file also says who holds it and where it serves, for other commands on this host.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iam.errors import conflict
from iam.kit.private_files import make_private_directory


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a lock.

    Attributes:
        pid: Its process id; 0 when it has not said yet.
        role: What it does, such as `server`.
        url: Where it serves; empty until it does.
    """

    pid: int = 0
    role: str = "process"
    url: str = ""


class DatabaseLock:
    """The lock on one SQLite file, held by this process."""

    def __init__(self, descriptor: int, role: str) -> None:
        self._descriptor = descriptor
        self._role = role

    def announce(self, url: str = "") -> None:
        """Tell other commands on this host who holds the lock, and where it serves."""
        content = json.dumps({"pid": os.getpid(), "role": self._role, "url": url}).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)


@contextmanager
def locked_database(database: Path, *, role: str) -> Iterator[DatabaseLock]:
    """Hold the lock of this SQLite file.

    Raises `IamError` of kind `conflict`, code `database_locked`, when another process holds it.
    """
    make_private_directory(database.parent)
    descriptor = os.open(lock_file(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise conflict("database_locked", _refusal(database)) from None
        lock = DatabaseLock(descriptor, role)
        lock.announce()
        yield lock
    finally:
        os.close(descriptor)


def find_holder(database: Path) -> LockHolder | None:
    """Who holds the lock of this SQLite file; `None` when nobody does."""
    try:
        descriptor = os.open(lock_file(database), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def lock_file(database: Path) -> Path:
    """Where the lock of this SQLite file is."""
    return database.with_name(f"{database.name}.lock")


def _read(descriptor: int) -> LockHolder:
    try:
        return LockHolder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):  # its holder is about to write it
        return LockHolder()


def _refusal(database: Path) -> str:
    holder = find_holder(database) or LockHolder()
    who = f"{holder.role} {holder.pid}" if holder.pid else "another process"
    return (
        f"`{database}` is in use by {who}: one SQLite database serves one process; "
        "stop the other one, or use PostgreSQL (IAM_DATABASE_URL) for more than one"
    )
