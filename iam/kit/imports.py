"""Imports that a process can do without."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing(*names: str) -> Iterator[None]:
    """Run a block of imports as if these packages were not installed.

    For what others import if it is there and we do not use: a start would wait for it. Whatever is
    imported already stays as it is.
    """
    absent = [name for name in names if name not in sys.modules]
    # Python's own way to say so: importing what is `None` here is a ModuleNotFoundError.
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # see there
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
