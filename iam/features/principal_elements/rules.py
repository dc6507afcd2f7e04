"""Principal elements: what they may say, and how they name principals. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iam.errors import IamError, invalid
from iam_policy import Defect, DocumentKind, Limits, Policy, PolicyError, parse_policy

Document = Mapping[str, Any]
"""A policy document as parsed JSON."""

_MAX_DEFECTS: Final = 100
_BY_ARN: Final = ("IAM", "AWS")
_ELEMENTS: Final = ("Principal", "NotPrincipal")


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


def parsed(document: Document, kind: DocumentKind, limits: Limits, *, what: str) -> Policy:
    """Parse a document to be stored.

    Raises `IamError` of kind `invalid` with every defect and its JSON path; `what` is what the
    message calls the document.
    """
    try:
        return parse_policy(stored_text(document), kind, limits)
    except PolicyError as error:
        raise document_error(what, error.defects) from None


def named_principals(document: Document) -> Iterator[Named]:
    """Every value of every Principal and NotPrincipal of a document that the grammar accepts."""
    for path, statement in statements_of(document):
        for element in _ELEMENTS:
            if element in statement:
                yield from _named(f"{path}.{element}", statement[element])


def _named(path: str, principal: Any) -> Iterator[Named]:
    if principal == "*":
        yield Named(path, "IAM", "*")
        return
    for kind, values in principal.items():
        where = f"{path}.{kind}"
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
        changed = {
            element: {
                kind: renamed(values) if kind in _BY_ARN else values
                for kind, values in statement[element].items()
            }
            for element in _ELEMENTS
            if element in statement and statement[element] != "*"
        }
        return {**statement, **changed}

    found = document["Statement"]
    several = [rewritten(one) for one in found] if isinstance(found, list) else rewritten(found)
    return {**document, "Statement": several}


def stored_text(document: Document) -> str:
    """A document as it is stored. Not escaped: the grammar must see every character itself."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def document_error(what: str, defects: Sequence[Defect]) -> IamError:
    """The error for a document with these defects."""
    errors = [
        {"path": defect.path, "found": defect.found, "expected": defect.expected}
        for defect in defects[:_MAX_DEFECTS]
    ]
    count = len(defects)
    message = f"the {what} has {count} defect{'s' if count > 1 else ''}"
    return invalid("policy_invalid", message, errors=errors)


def statements_of(document: Document) -> list[tuple[str, Document]]:
    """The statements with their JSON paths."""
    found = document["Statement"]
    if isinstance(found, list):
        return [(f"$.Statement[{index}]", one) for index, one in enumerate(found)]
    return [("$.Statement", found)]


def open_doors(policy: Policy, document: Document) -> Iterator[Defect]:
    """The statements that let everybody in without a condition (PE-11)."""
    for (path, _), statement in zip(statements_of(document), policy.statements, strict=True):
        principals = statement.principals
        lets_all_in = principals is not None and principals.everyone and statement.effect == "Allow"
        if lets_all_in and not statement.clauses:
            expected = "named principals, or a Condition beside `*`"
            yield Defect(f"{path}.Principal", '"*"', expected)
