"""Grants by which somebody can give themselves more than they were given.

Each path is one action, or a few of one kind: it is told where an Allow reaches it on things of
the service itself, without a condition that limits which policy or boundary may be used.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from iam_policy.document import DocumentKind, Statement
from iam_policy.lint.breadth import allows_everything
from iam_policy.lint.finding import Rule, Severity, Spot
from iam_policy.lint.patterns import covers, overlaps
from iam_policy.lint.subject import Subject

_HOLDERS: Final = ("User", "Service", "Role", "Group")
_PRINCIPALS: Final = _HOLDERS[:3]
_LIMITING_KEYS: Final = frozenset(
    {"iam:policyarn", "iam:permissionsboundary", "iam:passedtoservice"}
)
_OWN_THINGS: Final = "arn:*:iam:*:*:*"


@dataclass(frozen=True, slots=True)
class Path:
    """One way up.

    Attributes:
        code: Of the rule.
        actions: What it takes, any one of them.
        message: What can be done with it.
        advice: How to grant it safely.
        needs_wide_resource: It is harmless on things that are named one by one.
    """

    code: str
    actions: tuple[str, ...]
    message: str
    advice: str
    needs_wide_resource: bool = False


PATHS: Final = (
    Path(
        "escalation-policy-version",
        ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"),
        "can rewrite, or switch, a policy that they have themselves",
        "name policies that their holders do not have",
    ),
    Path(
        "escalation-attach-policy",
        tuple(f"iam:Attach{kind}Policy" for kind in _HOLDERS),
        "can attach any policy, AdministratorAccess too",
        "add a condition on iam:PolicyARN",
    ),
    Path(
        "escalation-inline-policy",
        tuple(f"iam:Put{kind}Policy" for kind in _HOLDERS),
        "can write any permission into an inline policy",
        "grant iam:Attach...Policy with a condition on iam:PolicyARN instead",
    ),
    Path(
        "escalation-group-membership",
        ("iam:AddUserToGroup",),
        "can join a group that has more permissions",
        "name groups, and not those of administrators",
        needs_wide_resource=True,
    ),
    Path(
        "escalation-trust-policy",
        ("iam:UpdateAssumeRolePolicy",),
        "can let themselves assume the role",
        "name roles that have no more than their holders, or add a condition on "
        "iam:PermissionsBoundary",
    ),
    Path(
        "escalation-resource-policy",
        ("iam:PutResourcePolicy",),
        "can name themselves in the policy of a resource, which then needs nothing else",
        "name the resources, one by one",
        needs_wide_resource=True,
    ),
    Path(
        "escalation-credential",
        (
            "iam:CreateCredential",
            "iam:ReactivateCredential",
            "iam:CreateServiceCredential",
            "iam:CreateAccessKey",
            "iam:CreateLoginProfile",
            "iam:UpdateLoginProfile",
        ),
        "can make a credential of somebody who has more permissions",
        "limit it to oneself, .../${iam:username}, or to services that are named",
        needs_wide_resource=True,
    ),
    Path(
        "escalation-boundary",
        tuple(
            f"iam:{verb}{kind}PermissionsBoundary"
            for verb in ("Put", "Delete")
            for kind in _PRINCIPALS
        ),
        "can replace or remove the boundary that limits them",
        "add a condition on iam:PermissionsBoundary, and never grant the deletion",
    ),
    Path(
        "escalation-pass-role",
        ("iam:PassRole",),
        "can hand any role to something that then acts with it",
        "name the roles, or add a condition on iam:PassedToService",
        needs_wide_resource=True,
    ),
    Path(
        "escalation-assume-role",
        ("sts:AssumeRole",),
        "can assume every role whose trust policy names the account",
        "name the roles",
        needs_wide_resource=True,
    ),
)


def _finder(path: Path) -> Callable[[Subject], Iterator[Spot]]:
    def find(subject: Subject) -> Iterator[Spot]:
        if subject.kind is not DocumentKind.IDENTITY:
            return
        for statement in subject.allows():
            if not _is_open(path, statement, subject):
                continue
            place = next(
                (
                    where
                    for where, pattern in subject.actions(statement)
                    if any(covers(pattern.lower(), action.lower()) for action in path.actions)
                ),
                None,
            )
            if place is not None:
                yield place, f"whoever has this policy {path.message}"

    return find


def _is_open(path: Path, statement: Statement, subject: Subject) -> bool:
    """Tell whether nothing but the actions decides: what allows everything is told once only."""
    if statement.not_action or allows_everything(statement):
        return False
    if any(clause.key.lower() in _LIMITING_KEYS for clause in statement.clauses):
        return False
    variables = subject.policy.has_variables
    return statement.not_resource or any(
        overlaps(resource, _OWN_THINGS, variables=variables)
        and not (path.needs_wide_resource and _is_named(resource))
        for resource in statement.resources
    )


def _is_named(resource: str) -> bool:
    """Tell whether a pattern names things one by one: its last part has a name, or a variable."""
    return resource.rpartition("/")[2].strip("*?") not in {"", resource.strip("*?")}


RULES = tuple(Rule(path.code, Severity.WARNING, path.advice, _finder(path)) for path in PATHS)
