"""Policy documents: JSON text into frozen statements, every defect reported with its JSON path.

The grammar is AWS's (IAM User Guide, ``reference_policies_grammar``). What a kind of policy may
not contain is refused here, once, so that nothing later has to decide what a meaningless element
means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from iam_policy.decision import EffectWord
from iam_policy.principals import Principals
from iam_policy.values import quick_value

CURRENT_VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"


class DocumentKind(StrEnum):
    """Where a document is used, which decides what it may contain."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong.

    Attributes:
        path: JSON path of the element, ``$.Statement[0].Action``.
        found: What stands there, shortened.
        expected: What may stand there.
    """

    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.path}: found {self.found}, expected {self.expected}"


class PolicyError(ValueError):
    """A document was refused; ``defects`` lists everything that is wrong with it."""

    def __init__(self, defects: tuple[Defect, ...]) -> None:
        super().__init__("; ".join(map(str, defects)))
        self.defects = defects


def _sizes() -> Mapping[DocumentKind, int]:
    return {
        DocumentKind.IDENTITY: 6_144,
        DocumentKind.RESOURCE: 20_480,
        DocumentKind.TRUST: 2_048,
        DocumentKind.BOUNDARY: 6_144,
        DocumentKind.SESSION: 2_048,
        DocumentKind.SCP: 5_120,
        DocumentKind.RCP: 5_120,
    }


@dataclass(frozen=True)
class Limits:
    """What a document may cost.

    Attributes:
        characters: Size by kind; white space does not count, except in guardrails.
        raw_bytes: Size of the text as sent, white space included.
        statements: Statements of one document.
        pattern: Characters of one action, resource or condition value.
        stars: ``*`` in one pattern.
    """

    characters: Mapping[DocumentKind, int] = field(default_factory=_sizes)
    raw_bytes: int = 128 << 10
    statements: int = 100
    pattern: int = 512
    stars: int = 16


DEFAULT_LIMITS = Limits()


class Clause(NamedTuple):
    """One line of a Condition: operator, key as written, and its values as text."""

    operator: str
    key: str
    values: tuple[str, ...]


@quick_value
class Statement:
    """One statement.

    Attributes:
        index: Its place in the document, from 0.
        sid: Its ``Sid`` or None.
        effect: ``Allow`` or ``Deny``.
        actions: Patterns of Action, or of NotAction if ``not_action``.
        resources: Patterns of Resource, or of NotResource if ``not_resource``; short ARNs are
            completed; empty in trust policies, which have none and mean the role itself.
        principals: The Principal or NotPrincipal element; None where the kind has none.
        clauses: The Condition, all of which must hold.
    """

    index: int
    sid: str | None
    effect: EffectWord
    actions: tuple[str, ...]
    not_action: bool
    resources: tuple[str, ...]
    not_resource: bool
    principals: Principals | None
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A document without defects."""

    kind: DocumentKind
    version: str
    id: str | None
    statements: tuple[Statement, ...]

    @property
    def has_variables(self) -> bool:
        """Whether ``${...}`` is a variable; in the old version it is plain text."""
        return self.version == CURRENT_VERSION


def parse_policy(
    text: str | bytes,
    kind: DocumentKind,
    limits: Limits = DEFAULT_LIMITS,
    *,
    imported: bool = False,
) -> Policy:
    """Read a document of the given kind.

    With ``imported``, a resource policy may hold NotPrincipal with Allow, as old documents of
    other systems do; what this product stores may not.

    Raises:
        PolicyError: all defects at once.
    """
    from iam_policy.grammar import DocumentReader

    return DocumentReader(kind, limits, imported=imported).read(text)
