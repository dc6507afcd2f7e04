"""Short ways to write policies and ask questions, for the tests of the engine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from iam_policy import (
    Decision,
    DocumentKind,
    Layers,
    PolicySet,
    Principal,
    Request,
    build_set,
    compile_policy,
    evaluate,
    index,
    selection,
)

ALICE = Principal("arn:aws:iam::111122223333:user/alice", "111122223333")
SESSION = Principal("arn:aws:sts::111122223333:assumed-role/app/s1", "111122223333")
BUCKET = "arn:aws:s3:::bucket/key"
OWNER = "111122223333"

Document = dict[str, Any]


def statement(effect: str = "Allow", **elements: Any) -> Document:
    """A statement on everything, unless the elements say otherwise."""
    one: Document = {"Effect": effect}
    if "NotAction" not in elements:
        one["Action"] = "*"
    if "NotResource" not in elements:
        one["Resource"] = "*"
    return one | elements


def document(*statements: Document, version: str = "2012-10-17") -> Document:
    return {"Version": version, "Statement": list(statements)}


def policies(
    *documents: Document, kind: DocumentKind = DocumentKind.IDENTITY, imported: bool = False
) -> PolicySet:
    return build_set(
        (f"p{place}", compile_policy(json.dumps(one), kind, imported=imported))
        for place, one in enumerate(documents)
    )


def resource_policy(*statements: Document, imported: bool = False) -> PolicySet:
    return policies(document(*statements), kind=DocumentKind.RESOURCE, imported=imported)


def ask(
    layers: Layers,
    principal: Principal = ALICE,
    action: str = "s3:GetObject",
    resource: str = BUCKET,
    context: Mapping[str, Any] | None = None,
    owner: str | None = OWNER,
) -> Decision:
    return evaluate(Request(principal, action, resource, context or {}, owner), layers)


@contextmanager
def sifting() -> Iterator[None]:
    """Sift even a single statement, as is otherwise done to many. Tables last: use fresh sets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_MANY", 0)
        patch.setattr(selection, "_CROWD", 1)
        yield


def holds(condition: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> bool:
    """Tell whether an Allow with this condition applies in this context."""
    own = policies(document(statement(Condition=condition)))
    decision = ask(Layers(identity=own), context=context)
    assert not decision.findings
    return decision.allowed
