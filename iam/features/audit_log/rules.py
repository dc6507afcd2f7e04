"""When the audit log is sealed, and how what is sealed goes into a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

SEALED_EVERY: Final = timedelta(seconds=60)
"""How long an entry waits at most before it is sealed."""
SEALED_AFTER: Final = 1_000
"""So many entries do not wait."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be sealed, at one look.

    Attributes:
        oldest: The id of one of the oldest entries; `None` when there is none.
        are_many: Whether there are as many as do not wait.
        since: When the oldest was first seen to wait, in seconds of a monotonic clock.
    """

    oldest: str | None = None
    are_many: bool = False
    since: float = 0.0

    def seen(self, oldest: str | None, *, are_many: bool, at: float) -> "Waiting":
        """What waits at the next look."""
        is_same = oldest is not None and oldest == self.oldest
        return Waiting(oldest, are_many, self.since if is_same else at)

    def is_due(self, *, at: float) -> bool:
        """Whether to seal now."""
        is_old = self.oldest is not None and at - self.since >= SEALED_EVERY.total_seconds()
        return is_old or self.are_many


def file_text(lines: Sequence[Mapping[str, Any]], *, is_torn: bool) -> str:
    """Lines as they are appended to a file; `is_torn` when its last line has no end."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return f"\n{text}" if is_torn else text
