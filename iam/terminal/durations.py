"""Durations as people type them: `45s`, `90m`, `12h`, `30d`, `2w`."""

import re
from datetime import timedelta
from typing import Final

from iam.terminal.failures import usage

_FORM: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_duration(text: str) -> timedelta:
    """The duration that a text means. Raises `Failure` for other text."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise usage(f"expected a duration such as `30d` or `12h`, found `{text}`")
    return int(found[1]) * _UNITS[found[2]]
