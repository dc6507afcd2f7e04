"""Files that only our own user may read: created so from the first byte, refused if they are not.

Who may read a file is decided when it is created, not afterwards: a key that was world-readable for
a millisecond counts as read.
"""

import os
import stat
from pathlib import Path

from iam.errors import conflict, unavailable

MOUNTED_SECRETS = Path("/run/secrets")
"""Where Docker, Podman and Swarm mount secrets, by default readable by all in the container."""

_OTHERS_MAY_ACCESS = 0o077
_OTHERS_MAY_WRITE = 0o022


def make_private_directory(path: Path) -> None:
    """Make the directory with mode 0700, or accept one that has it.

    Raises ``IamError`` (unavailable, ``directory_exposed``) if it exists and others may enter it:
    whether that can be narrowed is not for us to decide.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS_MAY_ACCESS:
        raise unavailable(
            "directory_exposed",
            f"expected directory `{path}` with mode 0700, found {mode:04o}: run `chmod 700 {path}`",
        )


def create_private_file(path: Path, content: bytes) -> None:
    """Create the file with mode 0600 in a 0700 directory, durable when this returns.

    Raises ``IamError``: conflict, ``file_exists``, if there is one already, which stays as it is;
    see also ``make_private_directory``.
    """
    make_private_directory(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise conflict("file_exists", f"`{path}` exists and is never overwritten") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()  # half a key must not be found by the next start
        raise
    _fsync_directory(path.parent)


def replace_private_file(path: Path, content: bytes) -> None:
    """Put this content in the place of a file, or make it: mode 0600, durable when this returns.

    Whoever reads meanwhile finds the old content or the new one, whole.

    Raises ``IamError``: unavailable, ``file_unwritable``, when the directory is read-only, as
    mounted secrets are; see also ``make_private_directory``.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)  # left by a process that was killed
        create_private_file(draft, content)
        draft.replace(path)
        _fsync_directory(path.parent)
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise unavailable("file_unwritable", message) from error


def read_private_file(path: Path) -> bytes:
    """The content of a file that nobody else may read.

    A file of our own must have no permission bits for group and others. A file that another user
    owns, or that lies below ``/run/secrets``, was mounted for us by an orchestrator, and we could
    not narrow it: it may be readable by others (Docker's default is 0444), never writable.

    Raises ``IamError``: unavailable, ``file_missing``, ``file_unreadable`` or ``file_exposed``.
    """
    try:
        with path.open("rb") as file:
            _refuse_exposed(path, os.fstat(file.fileno()))
            return file.read()
    except FileNotFoundError:
        raise unavailable("file_missing", f"expected a file at `{path}`, found none") from None
    except OSError as error:
        raise unavailable("file_unreadable", f"cannot read `{path}`: {error.strerror}") from error


def _refuse_exposed(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    mounted = status.st_uid != os.geteuid() or path.is_relative_to(MOUNTED_SECRETS)
    if mode & (_OTHERS_MAY_WRITE if mounted else _OTHERS_MAY_ACCESS):
        expected = "not writable by others" if mounted else "with mode 0600"
        raise unavailable(
            "file_exposed", f"expected `{path}` {expected}, found {mode:04o}: narrow it with chmod"
        )


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
