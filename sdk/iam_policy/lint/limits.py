"""Documents that limit: boundaries, guardrails and trust policies that do not do it."""

from collections.abc import Iterator
from typing import Final

from iam_policy.document import DocumentKind, Statement
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.patterns import covers, overlaps
from iam_policy.lint.subject import Subject

_REMOVALS: Final = tuple(
    f"iam:{verb}{kind}permissionsboundary"
    for verb in ("delete", "put")
    for kind in ("user", "service", "role")
)


def _removable(subject: Subject) -> Iterator[Spot]:
    if subject.kind is not DocumentKind.BOUNDARY:
        return
    for statement in subject.allows():
        open_ones = [
            action
            for action in _REMOVALS
            if _reaches(statement, action)
            and not any(_reaches(one, action) for one in subject.denies() if not one.clauses)
        ]
        if open_ones:
            yield (
                subject.path(statement),
                "whoever is limited by this boundary may replace or remove it",
            )


def _reaches(statement: Statement, action: str) -> bool:
    is_listed = any(covers(pattern.lower(), action) for pattern in statement.actions)
    return is_listed is not statement.not_action


def _allows_nothing(subject: Subject) -> Iterator[Spot]:
    if subject.kind is DocumentKind.SCP and not any(subject.allows()):
        yield "$.Statement", "allows nothing: alone at its level it stops every action"


def _not_sts(subject: Subject) -> Iterator[Spot]:
    if subject.kind is not DocumentKind.TRUST:
        return
    for statement in subject.policy.statements:
        for path, action in () if statement.not_action else subject.actions(statement):
            if not overlaps(action.lower(), "sts:*"):
                yield path, f"`{action}` is never asked of a role's trust policy"


def _open_federation(subject: Subject) -> Iterator[Spot]:
    if subject.kind is not DocumentKind.TRUST:
        return
    for statement in subject.allows():
        if statement.principals and statement.principals.federated and not statement.clauses:
            yield (
                subject.path(statement, "Principal"),
                "lets everyone whom the identity provider knows assume the role",
            )


RULES = (
    Rule(
        "boundary-removable",
        Severity.WARNING,
        "deny iam:Delete*PermissionsBoundary and iam:Put*PermissionsBoundary in the boundary",
        _removable,
    ),
    Rule(
        "scp-without-allow",
        Severity.WARNING,
        "add a statement that allows, or attach another SCP that does",
        _allows_nothing,
    ),
    Rule(
        "trust-not-sts",
        Severity.WARNING,
        "use sts:AssumeRole or another action of sts",
        _not_sts,
    ),
    Rule(
        "trust-federated-without-condition",
        Severity.WARNING,
        "add a condition on the audience or the subject that the provider states",
        _open_federation,
    ),
)
