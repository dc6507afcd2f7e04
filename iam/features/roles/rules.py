"""Trust policies: what they may say. Pure."""

import json
from collections.abc import Iterator
from typing import Final

from iam.features.principal_elements.rules import (
    Document,
    document_error,
    open_doors,
    parsed,
    statements_of,
)
from iam_policy import Defect, DocumentKind, Limits, Policy

MIN_SESSION_SECONDS: Final = 900
MAX_SESSION_SECONDS: Final = 43_200
TRUST_POLICY: Final = "trust policy"
"""What messages call it."""


def checked_trust_policy(document: Document, limits: Limits) -> Policy:
    """Parse a trust policy to be stored.

    Raises `IamError` of kind `invalid` with every defect and its JSON path: what the grammar
    refuses, actions that are not of the token service (as AWS does), and everybody let in without
    a condition.
    """
    policy = parsed(document, DocumentKind.TRUST, limits, what=TRUST_POLICY)
    defects = [*_foreign_actions(policy, document), *open_doors(policy, document)]
    if defects:
        raise document_error(TRUST_POLICY, defects)
    return policy


def _foreign_actions(policy: Policy, document: Document) -> Iterator[Defect]:
    for (path, _), statement in zip(statements_of(document), policy.statements, strict=True):
        for action in statement.actions:
            if not statement.not_action and not action.lower().startswith("sts:"):
                yield Defect(f"{path}.Action", json.dumps(action), "actions that begin with `sts:`")
