"""Collects what is wrong with a text that somebody wrote, and words it."""

import json

from iam_policy.document import Defect, Limits
from iam_policy.strict_json import Steps

_SHOWN = 60


class DefectLog:
    """The defects found so far, in the order in which they were found.

    A way is given as steps, and put into words only where something is wrong: nearly always
    nothing is, and words would take as long as all checks together.
    """

    def __init__(self) -> None:
        self._defects: list[Defect] = []

    def __bool__(self) -> bool:
        """Tell whether anything is wrong."""
        return bool(self._defects)

    def all(self) -> tuple[Defect, ...]:
        """Return everything found."""
        return tuple(self._defects)

    def add(self, way: Steps, found: object, expected: str) -> None:
        """Record a value of the text that should be another."""
        self.say(way, shown(found), expected)

    def say(self, way: Steps, found: str, expected: str) -> None:
        """Record a defect whose ``found`` is words of ours, not a value of the text."""
        self._defects.append(Defect(shown_path(way), found, expected))

    def is_bounded(self, pattern: str, way: Steps, limits: Limits) -> bool:
        """Tell whether one pattern keeps the limits, and record if it does not."""
        if len(pattern) > limits.pattern:
            self.say(way, f"{len(pattern)} characters", f"at most {limits.pattern} characters")
            return False
        if pattern.count("*") > limits.stars:
            self.add(way, pattern, f"at most {limits.stars} stars")
            return False
        return True


def shown(value: object) -> str:
    """Write a found value for a message: short, on one line, containers by their kind only."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def shown_member(name: str) -> str:
    """Write the step of a JSON path that leads into a member (RFC 9535, section 2.3.1)."""
    is_plain = name.isidentifier() and len(name) <= _SHOWN
    return f".{name}" if is_plain else f"[{shown(name)}]"


def shown_path(steps: Steps) -> str:
    """Write names and places in lists as one JSON path."""
    parts = (f"[{step}]" if isinstance(step, int) else shown_member(step) for step in steps)
    return "$" + "".join(parts)
