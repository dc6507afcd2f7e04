"""The corpus: decisions that AWS's own pages state, each one a test."""

import json
from pathlib import Path
from typing import Any

import pytest

from iam_policy import (
    CompiledPolicy,
    DocumentKind,
    Layers,
    PolicySet,
    Principal,
    Request,
    build_set,
    compile_policy,
    evaluate,
)

CORPUS = Path(__file__).parents[2] / "corpus" / "aws_docs.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text().splitlines()]


def _compiled(document: dict[str, Any], kind: DocumentKind) -> CompiledPolicy:
    return compile_policy(json.dumps(document), kind)


def _set(documents: list[dict[str, Any]], kind: DocumentKind) -> PolicySet:
    return build_set(
        (f"{kind}-{place}", _compiled(document, kind)) for place, document in enumerate(documents)
    )


def _layers(case: dict[str, Any]) -> Layers:
    required = case["resource_policy_required"]
    resource = case["resource_policy"]
    boundaries, sessions = case["permission_boundaries"], case["session_policies"]
    resource_kind = DocumentKind.TRUST if required else DocumentKind.RESOURCE
    return Layers(
        identity=_set(case["identity_policies"], DocumentKind.IDENTITY),
        boundary=_set(boundaries, DocumentKind.BOUNDARY) if boundaries else None,
        sessions=_set(sessions, DocumentKind.SESSION) if sessions else None,
        resource=None if resource is None else _set([resource], resource_kind),
        scps=tuple(_set(level, DocumentKind.SCP) for level in case["scps"]),
        rcps=tuple(_set(level, DocumentKind.RCP) for level in case["rcps"]),
        resource_policy_required=required,
    )


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_engine_decides_as_the_documentation_says(case: dict[str, Any]) -> None:
    request = Request(
        Principal(case["principal_arn"], case["principal_account"]),
        case["action"],
        case["resource_arn"],
        case["context"],
        case["resource_account"],
    )
    decision = evaluate(request, _layers(case))
    assert decision.effect == case["expected"]
    assert not decision.findings
    assert (decision.blocked_by is None) == decision.allowed


def test_the_corpus_is_whole() -> None:
    assert len({case["id"] for case in CASES}) == 150
