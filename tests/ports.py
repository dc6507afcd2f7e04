"""Ports for servers that must know theirs before they start."""

import os
import socket
from itertools import count
from typing import Final

# Below those that the system hands out to whoever asks for any port, also for each connection that
# somebody opens: one of those may be taken again before the server has started, or while it is
# down. Each process begins at a place of its own.
_LOWEST: Final = 20_000
_COUNT: Final = 12_000
_numbers = count(os.getpid() * 101)


def free_port() -> int:
    """A port of 127.0.0.1 that is free, and that nobody else here is told of."""
    while True:
        port = _LOWEST + next(_numbers) % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
