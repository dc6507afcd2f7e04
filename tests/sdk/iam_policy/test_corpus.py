"""The corpus: decisions that AWS's own pages state, each one a test."""

import json
from pathlib import Path
from typing import Any

import pytest

from iam_policy import evaluate
from iam_policy.cases import read_case

CORPUS = Path(__file__).parents[2] / "corpus" / "aws_docs.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text().splitlines()]


@pytest.mark.parametrize("record", CASES, ids=[case["id"] for case in CASES])
def test_the_engine_decides_as_the_documentation_says(record: dict[str, Any]) -> None:
    case = read_case(record)
    decision = evaluate(case.request, case.layers)
    assert decision.effect == case.expected == record["expected"]
    assert not decision.findings
    assert (decision.blocked_by is None) == decision.allowed


def test_the_corpus_is_whole() -> None:
    assert len({case["id"] for case in CASES}) == 150
