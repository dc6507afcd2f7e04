"""Trust policies: what they may say, and how they name principals. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iam.errors import IamError, invalid
from iam_policy import Defect, DocumentKind, Policy, PolicyError, parse_policy

MIN_SESSION_SECONDS: Final = 900
MAX_SESSION_SECONDS: Final = 43_200

Document = Mapping[str, Any]
"""A policy document as parsed JSON."""

_MAX_DEFECTS: Final = 100
_BY_ARN: Final = ("IAM", "AWS")


@dataclass(frozen=True, slots=True)
class Named:
    """One value of a Principal element.

    Attributes:
        path: Its JSON path.
        kind: `IAM` (or `AWS`, which means the same), `Federated` or `Service`.
        value: What stands there.
    """

    path: str
    kind: str
    value: str

    @property
    def is_by_arn(self) -> bool:
        """Whether it names a principal or an account of this installation, or everybody."""
        return self.kind in _BY_ARN


def checked_trust_policy(document: Document) -> Policy:
    """Parse a trust policy to be stored.

    Raises `IamError` of kind `invalid` with every defect and its JSON path: what the grammar
    refuses, actions that are not of the token service (as AWS does), and everybody let in without
    a condition.
    """
    # Not escaped: the grammar must see every character itself.
    text = json.dumps(document, ensure_ascii=False)
    try:
        policy = parse_policy(text, DocumentKind.TRUST)
    except PolicyError as error:
        raise trust_policy_error(error.defects) from None
    defects = [*_foreign_actions(policy, document), *_open_doors(policy, document)]
    if defects:
        raise trust_policy_error(defects)
    return policy


def named_principals(document: Document) -> Iterator[Named]:
    """Every value of every Principal element of a document that the grammar accepts."""
    for path, statement in _statements(document):
        principal = statement["Principal"]
        if principal == "*":
            yield Named(f"{path}.Principal", "IAM", "*")
            continue
        for kind, values in principal.items():
            where = f"{path}.Principal.{kind}"
            if isinstance(values, str):
                yield Named(where, kind, values)
                continue
            for index, value in enumerate(values):
                yield Named(f"{where}[{index}]", kind, value)


def with_principals(document: Document, names: Mapping[str, str]) -> dict[str, Any]:
    """The document with other names for its principals; a name that is not listed stays."""

    def renamed(values: Any) -> Any:
        if isinstance(values, str):
            return names.get(values, values)
        return [names.get(value, value) for value in values]

    def rewritten(statement: Document) -> dict[str, Any]:
        principal = statement["Principal"]
        if principal == "*":
            return dict(statement)
        changed = {
            kind: renamed(values) if kind in _BY_ARN else values
            for kind, values in principal.items()
        }
        return {**statement, "Principal": changed}

    found = document["Statement"]
    several = [rewritten(one) for one in found] if isinstance(found, list) else rewritten(found)
    return {**document, "Statement": several}


def stored_text(document: Document) -> str:
    """A document as it is stored."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def trust_policy_error(defects: Sequence[Defect]) -> IamError:
    """The error for a trust policy with these defects."""
    errors = [
        {"path": defect.path, "found": defect.found, "expected": defect.expected}
        for defect in defects[:_MAX_DEFECTS]
    ]
    count = len(defects)
    message = f"the trust policy has {count} defect{'s' if count > 1 else ''}"
    return invalid("policy_invalid", message, errors=errors)


def _statements(document: Document) -> list[tuple[str, Document]]:
    found = document["Statement"]
    if isinstance(found, list):
        return [(f"$.Statement[{index}]", one) for index, one in enumerate(found)]
    return [("$.Statement", found)]


def _foreign_actions(policy: Policy, document: Document) -> Iterator[Defect]:
    for (path, _), statement in zip(_statements(document), policy.statements, strict=True):
        for action in statement.actions:
            if not statement.not_action and not action.lower().startswith("sts:"):
                yield Defect(f"{path}.Action", json.dumps(action), "actions that begin with `sts:`")


def _open_doors(policy: Policy, document: Document) -> Iterator[Defect]:
    for (path, _), statement in zip(_statements(document), policy.statements, strict=True):
        principals = statement.principals
        lets_all_in = principals is not None and principals.everyone and statement.effect == "Allow"
        if lets_all_in and not statement.clauses:
            expected = "named principals, or a Condition beside `*`"
            yield Defect(f"{path}.Principal", '"*"', expected)
