"""What lint says, and what a rule is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from iam_policy.lint.subject import Subject


class Severity(StrEnum):
    """How sure it is that somebody has to change the document.

    An ``error`` is a document that does not do what it says, or that opens a door to everyone; a
    ``warning`` may be meant, but is dangerous; a ``notice`` is worth knowing.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint noticed.

    Attributes:
        code: The rule, in words with hyphens; stable.
        severity: How bad it is.
        path: JSON path of what it is about, ``$.Statement[0].Action[1]``.
        message: What is so, in this document.
        advice: What to do about it.
    """

    code: str
    severity: Severity
    path: str
    message: str
    advice: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.path}: {self.severity} {self.code}: {self.message}; {self.advice}"


Spot = tuple[str, str]
"""JSON path and message."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it yields the spots of a document that break it.

    Attributes:
        code: Stable name.
        severity: Of its findings.
        advice: What to do about them.
        find: Yields (JSON path, message).
    """

    code: str
    severity: Severity
    advice: str
    find: Callable[[Subject], Iterator[Spot]]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield what the rule has to say about a document."""
        for path, message in self.find(subject):
            yield Finding(self.code, self.severity, path, message, self.advice)
