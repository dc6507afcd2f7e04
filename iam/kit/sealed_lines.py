"""A file of lines that only its recipients can read: compressed (gzip), then encrypted (age).

`age --decrypt -i KEY FILE | gunzip` shows it without anything of ours.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from iam.errors import conflict, invalid, unavailable
from iam.kit.age import AgeReader, AgeWriter, Identity, Recipient
from iam.kit.private_files import make_private_directory

_BUFFER: Final = 1 << 20
_COMPRESSION: Final = 3
"""Twice as fast as gzip's default, and the file is a tenth larger."""
MAX_LINE: Final = 64 << 20


class SealedLines:
    """Writes a new file. It gets its name when the block is left without an exception.

    It has mode 0600 and is durable then. Raises `IamError`: conflict, `file_exists`, for a name
    that is taken; unavailable, `file_unwritable`, when the disk does not take it.
    """

    def __init__(self, path: Path, recipients: Sequence[Recipient]) -> None:
        if path.exists():
            raise conflict("file_exists", f"`{path}` exists and is never overwritten")
        self.path = path
        self._draft = path.with_name(f".{path.name}.partial")
        self._recipients = recipients

    def __enter__(self) -> Self:
        with _writing(self.path):
            self._draft.unlink(missing_ok=True)  # left by a process that was killed
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER)
            self._age = AgeWriter(self._file, self._recipients)
            self._gzip = gzip.GzipFile(
                "", "wb", fileobj=_as_binary(self._age), compresslevel=_COMPRESSION, mtime=0
            )
        return self

    def write(self, lines: Iterable[bytes]) -> None:
        """Write lines, which contain no line feed."""
        with _writing(self.path):
            self._gzip.write(b"".join(line + b"\n" for line in lines))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with _writing(self.path):
                    self._finish()
        finally:
            self._file.close()
            self._draft.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._gzip.close()
        self._age.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._draft.rename(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)


@contextmanager
def read_lines(path: Path, identities: Sequence[Identity]) -> Iterator[Iterator[bytes]]:
    """The lines of a file, each authentic when it comes, without their line feeds.

    Raises `IamError`: unavailable, `file_unreadable`; invalid, as `AgeReader` says, or
    `lines_malformed` when what was encrypted is no such file.
    """
    try:
        source = path.open("rb", buffering=_BUFFER)
    except OSError as error:
        raise unavailable("file_unreadable", f"cannot read `{path}`: {error.strerror}") from error
    with source:
        plain = io.BufferedReader(AgeReader(source, identities), _BUFFER)
        yield _lines(gzip.GzipFile(fileobj=plain))


def prepare_directory(path: Path) -> None:
    """Make a directory of our own for such files, or accept one. Raises `IamError`."""
    with _writing(path):
        make_private_directory(path)


def _lines(file: gzip.GzipFile) -> Iterator[bytes]:
    try:
        while line := file.readline(MAX_LINE):
            yield line.removesuffix(b"\n")
    except (OSError, EOFError, zlib.error):
        raise invalid("lines_malformed", "the file does not hold what it should") from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise unavailable("file_unwritable", message) from error


def _as_binary(writer: AgeWriter) -> io.BufferedIOBase:
    return writer  # type: ignore[return-value]  # gzip calls nothing of it but write and flush
