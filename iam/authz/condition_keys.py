"""Spelling of the condition keys that the server sets: under `iam:` and `aws:` alike."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from iam_policy import Context

PREFIXES: Final = ("iam:", "aws:")


def both_prefixes(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under `iam:` and `aws:`."""
    return {prefix + key: value for key, value in values.items() for prefix in PREFIXES}


def clock_keys(now: datetime) -> Context:
    """The keys that follow from the clock, which counts seconds; in lower case."""
    return _keys_of_second(int(now.timestamp()))


@lru_cache(maxsize=4)  # thousands of decisions are made in one second
def _keys_of_second(second: int) -> Context:
    text = datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
    return Context(both_prefixes({"CurrentTime": text, "EpochTime": second}))
