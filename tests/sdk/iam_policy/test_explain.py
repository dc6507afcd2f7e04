from typing import Any

from iam_policy import Decision, DocumentKind, Effect, Layer, Layers, Principal, explain, reason
from iam_policy.request import Request
from tests.sdk.iam_policy.scenes import (
    ALICE,
    BUCKET,
    OWNER,
    ask,
    document,
    policies,
    resource_policy,
    statement,
)


def test_every_statement_has_a_verdict() -> None:
    own = policies(
        document(
            statement(Action="iam:*"),
            statement(Resource="arn:aws:s3:::other"),
            statement(Condition={"Null": {"aws:y": "true"}, "Bool": {"aws:x": "true"}}),
            statement(Sid="Yes"),
        )
    )
    named = resource_policy(statement(Principal={"AWS": "444455556666"}))
    found = explain(
        Request(ALICE, "S3:GetObject", BUCKET, {"aws:X": "false"}, OWNER),
        Layers(identity=own, resource=named),
    )
    verdicts = [(t.match.layer, t.match.statement, t.applies, t.failed_on) for t in found.traces]
    assert verdicts == [
        ("resource", 0, False, "principal"),
        ("identity", 0, False, "action"),
        ("identity", 1, False, "resource"),
        ("identity", 2, False, "Bool aws:x"),
        ("identity", 3, True, None),
    ]
    assert found.decision.allowed


def test_a_trust_policy_means_its_role_whatever_the_resource_is_called() -> None:
    trust = policies(
        document({"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": OWNER}}),
        kind=DocumentKind.TRUST,
    )
    layers = Layers(identity=policies(document(statement())), resource=trust)
    found = explain(Request(ALICE, "sts:AssumeRole", "arn:aws:iam::1:role/x", {}, OWNER), layers)
    assert [trace.applies for trace in found.traces] == [True, True]


def test_an_explanation_survives_what_makes_the_decision_fail() -> None:
    own = policies(document(statement(Condition={"StringLike": {"k": "x"}})))
    context: dict[str, Any] = {"k": {}}
    broken = Request(ALICE, "s3:GetObject", BUCKET, context, OWNER)
    found = explain(broken, Layers(identity=own))
    assert found.decision.findings
    assert found.traces[0].failed_on == "StringLike k"
    twice = Request(ALICE, "s3:GetObject", BUCKET, {"k": "x", "K": "x"}, OWNER)
    assert explain(twice, Layers(identity=own)).traces[0].failed_on == "StringLike k"


def test_reasons_are_sentences() -> None:
    wide = policies(document(statement(Sid="All")))
    deny = policies(document(statement("Deny")))
    root = Principal(f"arn:aws:iam::{OWNER}:root", OWNER)
    assert reason(ask(Layers(identity=wide))) == "allowed by p0 statement All"
    assert reason(ask(Layers(identity=deny))) == "denied by p0 statement 0"
    assert reason(ask(Layers(), root)) == "allowed to the account itself"
    assert reason(ask(Layers())) == "denied, because no policy of the caller allows it"
    assert "could not be decided" in reason(ask(Layers(), action="nothing"))
    for layer in Layer:
        assert reason(Decision(Effect.IMPLICIT_DENY, blocked_by=layer)).startswith(
            "denied, because"
        )
