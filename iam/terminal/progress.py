"""A line that tells a person how far something is; nothing where nobody looks."""

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

_EVERY_SECONDS: Final = 0.2


class Progress:
    """One line on stderr that is written over, if that is a terminal.

    Args:
        unit: What is counted, in the plural.
        stream: Where it goes.
    """

    def __init__(self, unit: str, stream: TextIO | None = None) -> None:
        self._unit = unit
        self._stream = stream or sys.stderr
        self._shown_at = float("-inf")
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_shown:
            self._write("")

    def told(self, done: int, about: str | int) -> None:
        """So many are done; `about` is what they belong to, or how many there are in all."""
        now = time.monotonic()
        if not self._stream.isatty() or now - self._shown_at < _EVERY_SECONDS:
            return
        self._shown_at, self._is_shown = now, True
        rest = f"of {about} {self._unit}" if isinstance(about, int) else f"{self._unit}  {about}"
        self._write(f"{done} {rest}")

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()
