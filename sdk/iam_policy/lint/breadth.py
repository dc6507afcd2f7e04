"""Grants that reach further than their author may think."""

from collections.abc import Iterator

from iam_policy.document import DocumentKind, Statement
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.subject import Subject

_GRANTING = {DocumentKind.IDENTITY, DocumentKind.RESOURCE, DocumentKind.TRUST}


def allows_everything(statement: Statement) -> bool:
    """Tell whether a statement allows every action on every resource."""
    return (
        statement.effect == "Allow"
        and not statement.not_action
        and "*" in statement.actions
        and not statement.not_resource
        and "*" in statement.resources
    )


def _grants(subject: Subject) -> Iterator[Statement]:
    """Statements that give somebody something by themselves."""
    return subject.allows() if subject.kind in _GRANTING else iter(())


def _not_action(subject: Subject) -> Iterator[Spot]:
    for statement in _grants(subject):
        if statement.not_action:
            yield (
                subject.path(statement, "NotAction"),
                "allows every action of every service but those listed",
            )


def _not_resource(subject: Subject) -> Iterator[Spot]:
    for statement in _grants(subject):
        if statement.not_resource:
            yield (
                subject.path(statement, "NotResource"),
                "allows it on every resource but those listed",
            )


def _everything(subject: Subject) -> Iterator[Spot]:
    for statement in _grants(subject):
        if allows_everything(statement):
            yield subject.path(statement), "allows every action on every resource"


def _whole_service(subject: Subject) -> Iterator[Spot]:
    if subject.kind is not DocumentKind.IDENTITY:
        return
    for statement in subject.allows():
        is_wide = "*" in statement.resources and not statement.not_resource
        for path, action in subject.actions(statement) if is_wide else ():
            if action.endswith(":*") and not statement.not_action:
                yield path, f"allows every action of `{action[:-2]}` on every resource"


def _public(subject: Subject) -> Iterator[Spot]:
    if subject.kind is DocumentKind.RESOURCE:
        for path in _for_everyone(subject):
            yield path, "allows everyone, anonymous callers included, without a condition"


def _trusts_everyone(subject: Subject) -> Iterator[Spot]:
    if subject.kind is DocumentKind.TRUST:
        for path in _for_everyone(subject):
            yield path, "lets everyone assume the role, without a condition"


def _for_everyone(subject: Subject) -> Iterator[str]:
    for statement in subject.allows():
        principals = statement.principals
        if principals and principals.everyone and not statement.clauses:
            yield subject.path(statement, "Principal")


def _not_principal(subject: Subject) -> Iterator[Spot]:
    for statement in subject.denies():
        if statement.principals and statement.principals.negated:
            yield (
                subject.path(statement, "NotPrincipal"),
                "also denies those listed that have a permissions boundary, and their sessions",
            )


def _crossing_wildcard(subject: Subject) -> Iterator[Spot]:
    for statement in subject.policy.statements:
        for path, resource in subject.resources(statement):
            if _crosses(resource):
                yield path, "a `*` beside other characters also matches across the next `:`"


def _crosses(resource: str) -> bool:
    """Tell whether a star shares a segment with other text, and another segment follows."""
    *segments, _ = resource.partition("${")[0].split(":")
    return any("*" in segment and segment.strip("*") for segment in segments)


RULES = (
    Rule(
        "allow-not-action",
        Severity.WARNING,
        "list what is allowed in Action; or deny with NotAction",
        _not_action,
    ),
    Rule(
        "allow-not-resource",
        Severity.WARNING,
        "list what is meant in Resource; or deny with NotResource",
        _not_resource,
    ),
    Rule(
        "allow-everything",
        Severity.WARNING,
        "name actions and resources; only administrators need everything",
        _everything,
    ),
    Rule(
        "allow-service-wildcard",
        Severity.WARNING,
        "name the actions, or the resources they are meant for",
        _whole_service,
    ),
    Rule(
        "public-principal",
        Severity.ERROR,
        "name principals, or add a condition that everyone meant fulfils",
        _public,
    ),
    Rule(
        "trust-everyone",
        Severity.ERROR,
        "name who may assume the role, or add a condition",
        _trusts_everyone,
    ),
    Rule(
        "deny-not-principal",
        Severity.WARNING,
        'deny Principal "*" with a condition ArnNotEquals on iam:PrincipalArn instead',
        _not_principal,
    ),
    Rule(
        "wildcard-crosses-colon",
        Severity.WARNING,
        "let a segment before the last be either a whole name or `*` alone",
        _crossing_wildcard,
    ),
)
