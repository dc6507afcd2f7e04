"""Writes a secret into a file of its own, which only its owner may read."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from iam.terminal.failures import usage


@contextmanager
def write_secret(file: Path | None) -> Iterator[Callable[[str], None]]:
    """Make the file first, so that no secret is made that then has no place; yield its writer.

    Raises `Failure` when the file exists or cannot be made. Leaving by an error removes it again.
    """
    if file is None:
        yield lambda _: None
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise usage(
            f"cannot make `{file}`: {error.strerror}", "name a file that is not there"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        try:
            yield lambda secret: print(secret, file=opened)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
