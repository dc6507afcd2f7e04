"""The garbage collector, kept away from what lives as long as the process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
