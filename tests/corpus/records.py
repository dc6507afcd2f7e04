"""The corpus: cases by theme, one JSON object a line.

`README.md` says what each file proves, and what the members of a record mean.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from iam_policy import JsonLimits, parse_json

Record = dict[str, Any]

CORPUS: Final = Path(__file__).parent
ERROR: Final = "error"
"""What is expected where a document, or the request, is refused."""

_LIMITS: Final = JsonLimits(max_bytes=64 << 10, max_total=100_000)


def themes() -> tuple[str, ...]:
    """The names of the files, in order."""
    return tuple(sorted(file.stem for file in CORPUS.glob("*.jsonl")))


@lru_cache
def records(theme: str) -> tuple[Record, ...]:
    """The cases of one file; a line that says something twice is refused, not guessed at."""
    lines = (CORPUS / f"{theme}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(parse_json(line, _LIMITS) for line in lines)


def every_record() -> list[Record]:
    """All cases of all themes."""
    return [record for theme in themes() for record in records(theme)]
