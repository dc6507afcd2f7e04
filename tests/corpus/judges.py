"""Who judges the corpus: each judge answers each case for itself, and all must agree.

A judge takes records and returns one `Verdict` for each, in order. One that asks over the network
takes many at once. To add a judge is to add a line to the list in `test_judges.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from iam_policy import evaluate
from iam_policy.cases import CaseError, read_case
from tests.corpus.records import ERROR, Record
from tests.sdk.iam_policy import reference
from tests.sdk.iam_policy.reference import Policies, Question


@dataclass(frozen=True)
class Verdict:
    """What one judge says about one case.

    Attributes:
        decision: The decision, or ``error`` where something is refused; None if it was not asked.
        blocked_by: The layer that stood in the way of an implicit deny, if the judge tells.
        error_at: JSON paths of the defects, if the judge tells.
        unasked: Why the case cannot be put to this judge.
    """

    decision: str | None
    blocked_by: str | None = None
    error_at: tuple[str, ...] | None = None
    unasked: str | None = None


Judge: TypeAlias = Callable[[Sequence[Record]], Awaitable[list[Verdict]]]


async def engine(cases: Sequence[Record]) -> list[Verdict]:
    """The engine itself, on documents compiled as ``iam policy test`` does."""
    return [_engine(record) for record in cases]


def _engine(record: Record) -> Verdict:
    try:
        case = read_case({key: found for key, found in record.items() if key != "expected"})
    except CaseError as error:
        return Verdict(ERROR, error_at=tuple(sorted(defect.path for defect in error.defects)))
    decision = evaluate(case.request, case.layers)
    assert not decision.findings, record["id"]
    assert (decision.blocked_by is None) == decision.allowed, record["id"]
    return Verdict(decision.effect.value, decision.blocked_by and decision.blocked_by.value)


async def plain_evaluator(cases: Sequence[Record]) -> list[Verdict]:
    """The naive evaluator. It does not look for defects: it reads what the grammar lets pass."""
    return [_plain(record) for record in cases]


def _plain(record: Record) -> Verdict:
    if record["expected"] == ERROR:
        return Verdict(None, unasked="a refused document")
    arn, account = record["principal_arn"], record["principal_account"]
    owner = record["resource_account"] or _owner(record["resource_arn"]) or account
    question = Question(
        arn,
        account,
        record["action"],
        record["resource_arn"],
        owner,
        record["context"],
        record.get("principal_id"),
    )
    return Verdict(reference.decide(question, _policies(record)))


def _owner(resource: str) -> str:
    parts = resource.split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _policies(record: Record) -> Policies:
    return Policies(
        identity=record["identity_policies"],
        boundary=record["permission_boundaries"] or None,
        sessions=record["session_policies"] or None,
        resource=None if record["resource_policy"] is None else [record["resource_policy"]],
        scps=record["scps"],
        rcps=record["rcps"],
        required=record["resource_policy_required"],
    )


def disagreements(
    cases: Sequence[Record], verdicts: Sequence[Verdict]
) -> list[tuple[str, Record, Record]]:
    """List the cases on which a judge does not say what is expected: id, expected, found.

    Layers and JSON paths are compared where both the record and the judge tell them.
    """
    wrong = []
    for record, verdict in zip(cases, verdicts, strict=True):
        expected: Record = {"decision": record["expected"]}
        found: Record = {"decision": verdict.decision}
        if "blocked_by" in record and verdict.blocked_by is not None:
            expected["blocked_by"], found["blocked_by"] = record["blocked_by"], verdict.blocked_by
        if "error_at" in record and verdict.error_at is not None:
            expected["error_at"] = tuple(sorted(record["error_at"]))
            found["error_at"] = verdict.error_at
        if verdict.unasked is None and found != expected:
            wrong.append((record["id"], expected, found))
    return wrong
