"""Durations as people type them: `45s`, `90m`, `12h`, `30d`, `2w`."""

import re
from datetime import timedelta
from typing import Final

from iam.kit.clock import Clock, SystemClock
from iam.terminal.failures import usage

_FORM: Final = re.compile(r"([0-9]{1,6})([smhdw])")
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


def instant_ago(text: str | None, clock: Clock | None = None) -> str | None:
    """An RFC 3339 instant that was given as such, or as a duration before now."""
    if text is None or _FORM.fullmatch(text) is None:
        return text
    ago = (clock or SystemClock()).now() - parse_duration(text)
    return ago.isoformat().replace("+00:00", "Z")
