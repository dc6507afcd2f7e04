"""What may have a policy, and what that may say. Pure."""

import json
from collections.abc import Iterator
from typing import Final

from iam.authz.surroundings import MAX_DEPTH
from iam.errors import IamError, invalid
from iam.features.principal_elements.rules import (
    Document,
    document_error,
    open_doors,
    parsed,
    statements_of,
)
from iam_policy import Arn, Defect, DocumentKind, Limits, Policy, canonical_defect

RESOURCE_POLICY: Final = "resource policy"
"""What messages call it."""

_WILDCARDS: Final = frozenset("*?")


def check_resource(resource: str, *, account: str) -> None:
    """Raise `IamError` of kind `invalid` unless this account may put a policy on this ARN."""
    defect = canonical_defect(resource)
    if defect is not None:
        raise _invalid(f"expected a canonical ARN: {defect}")
    arn = Arn.parse(resource)
    if _WILDCARDS.intersection(resource):
        raise _invalid("expected one resource; its policy reaches what is below it")
    if arn.account not in {"", account}:
        raise _invalid(
            "the ARN names another account; an account's own resources have its policies"
        )
    if arn.resource.count("/") > MAX_DEPTH:
        raise _invalid(f"expected at most {MAX_DEPTH} slashes; put the policy on something above")
    if arn.service == "iam" and arn.resource.startswith("role/"):
        raise _invalid("a role has its trust policy: PUT /v1/roles/{role}/trust-policy")


def checked_resource_policy(document: Document, resource: str, limits: Limits) -> Policy:
    """Parse a resource policy to be stored.

    Raises `IamError` of kind `invalid` with every defect and its JSON path: what the grammar
    refuses, resources that are not this one or below it (as AWS does), and everybody let in without
    a condition.
    """
    policy = parsed(document, DocumentKind.RESOURCE, limits, what=RESOURCE_POLICY)
    defects = [*_foreign(policy, document, resource), *open_doors(policy, document)]
    if defects:
        raise document_error(RESOURCE_POLICY, defects)
    return policy


def _foreign(policy: Policy, document: Document, resource: str) -> Iterator[Defect]:
    for (path, _), statement in zip(statements_of(document), policy.statements, strict=True):
        element = "NotResource" if statement.not_resource else "Resource"
        for pattern in statement.resources:
            is_own = pattern in {"*", resource} or pattern.startswith(resource + "/")
            if not is_own:
                expected = f"`{resource}`, what is below it, or *"
                yield Defect(f"{path}.{element}", json.dumps(pattern), expected)


def _invalid(message: str) -> IamError:
    return invalid("resource_invalid", message)
