"""The garbage collector, kept away from what lives as long as the process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLLECT_AFTER: Final = (25_000, 20, 50)
"""Objects that must outlive their request before the collector looks at the young ones, and how
many looks at one generation make it look at the next (`gc.set_threshold`)."""


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Run a block that makes what stays: the collector looks neither during it nor at that later.

    For imports. They make many objects and next to no garbage, and the collector, which runs by how
    many were made, would take a quarter of their time to find that out.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def collect_rarely() -> None:
    """Leave out what is there already, and look at the rest less often: for a process that serves.

    What lives when it begins to serve lives until the end, and walking it again and again cost
    every request something. What a request leaves behind is freed by its reference counts; cycles
    are rare.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
