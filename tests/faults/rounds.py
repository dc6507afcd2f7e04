"""How many rounds a test plays."""

import os
from typing import Final

VARIABLE: Final = "TEST_FAULT_ROUNDS"
"""What `./dev faults --rounds` sets."""
MANY: Final = 20


def many_rounds(default: int = MANY) -> int:
    """Of the long profile; what somebody asked for, or so many."""
    return int(os.environ.get(VARIABLE, default))
