"""Lint: what is valid in a policy, and yet wrong, dangerous or of no effect.

One file holds one group of rules; `RULES` lists them all. Nothing here takes part in a decision.
Every rule is explained, with a good and a bad example, on the page ``docs/policy-lint.md``.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from iam_policy.catalogue import ActionCatalogue
from iam_policy.document import DEFAULT_LIMITS, DocumentKind, Limits, Policy, parse_policy
from iam_policy.lint import (
    absence,
    breadth,
    escalation,
    limits,
    names,
    redundancy,
    sets,
    values,
    variables,
)
from iam_policy.lint.finding import Finding, Rule, Severity
from iam_policy.lint.subject import Subject
from iam_policy.lint.vocabulary import Vocabulary
from iam_policy.strict_json import JsonLimits, parse_json

RULES: Final[tuple[Rule, ...]] = (
    *breadth.RULES,
    *escalation.RULES,
    *limits.RULES,
    *absence.RULES,
    *sets.RULES,
    *values.RULES,
    *variables.RULES,
    *names.RULES,
    *redundancy.RULES,
)
_ORDER: Final = list(Severity)


def lint(
    document: str | bytes | Policy,
    kind: DocumentKind = DocumentKind.IDENTITY,
    *,
    catalogues: Iterable[ActionCatalogue] = (),
    document_limits: Limits = DEFAULT_LIMITS,
) -> tuple[Finding, ...]:
    """Examine a document; errors come first, and within a severity the order of the rules.

    A `Policy` is taken as its own kind. It does not remember what stood in lists, nor whether
    Version was missing: paths then say lists everywhere, and a missing Version is an old one.

    Args:
        document: JSON text, or what `parse_policy` made of it.
        kind: What a text is used as.
        catalogues: What is known of actions; names under other prefixes are not examined.
        document_limits: What a text may cost.

    Raises:
        PolicyError: the text is no policy; all defects at once.
    """
    if isinstance(document, Policy):
        subject = Subject(document, Vocabulary(catalogues), None)
    else:
        policy = parse_policy(document, kind, document_limits)
        source = parse_json(document, JsonLimits(max_bytes=document_limits.raw_bytes))
        subject = Subject(policy, Vocabulary(catalogues), cast("dict[str, Any]", source))
    found = [finding for rule in RULES for finding in rule.findings(subject)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))


__all__ = ["RULES", "Finding", "Rule", "Severity", "lint"]
