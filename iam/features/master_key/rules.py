"""When a master key may go. Pure."""

from datetime import datetime, timedelta
from typing import Final

SETTLED: Final = timedelta(minutes=5)
"""How long after a change-over a replica may still have sealed something with the key before."""


def may_retire(*, active_since: datetime | None, now: datetime) -> bool:
    """Whether every replica has long changed over to the active key."""
    return active_since is not None and now - active_since >= SETTLED
