"""How many rounds a test plays, and where it leaves what it has measured."""

import os
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "TEST_FAULT_ROUNDS"
"""What `./dev faults --rounds` sets."""
MANY: Final = 20
MEASURED: Final = "measured"
"""The property of a test's report."""

Measured = Callable[[str], None]


def many_rounds(default: int = MANY) -> int:
    """Of the long profile; what somebody asked for, or so many."""
    return int(os.environ.get(VARIABLE, default))
