from typing import Any

from iam_policy import DocumentKind, Layers, Request, explain
from tests.sdk.iam_policy.scenes import (
    ALICE,
    BUCKET,
    OWNER,
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


def test_every_element_has_its_own_verdict_not_only_the_first_that_failed() -> None:
    failing = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Bool": {"aws:SecureTransport": "true"}}
    own = policies(
        document(statement(Action="iam:*", Resource="arn:aws:s3:::other", Condition=failing))
    )
    context = {"aws:SourceIp": "192.0.2.1", "aws:SecureTransport": "true"}
    asked = Request(ALICE, "s3:GetObject", BUCKET, context, OWNER)
    (trace,) = explain(asked, Layers(identity=own)).traces
    assert (trace.action, trace.resource, trace.principal, trace.held) == (
        False,
        False,
        True,
        (False, True),
    )
    assert trace.failed == ("action", "resource", "IpAddress aws:SourceIp")
    assert trace.failed_on == "action"
    named = resource_policy(statement(Principal={"AWS": "444455556666"}))
    (trace,) = explain(asked, Layers(identity=policies(), resource=named)).traces
    assert trace.failed == ("principal",)


def test_a_condition_tells_values_variables_and_what_was_missing() -> None:
    own = policies(
        document(
            statement(
                Resource="arn:aws:s3:::${aws:username}/*",
                Condition={
                    "StringLike": {"aws:PrincipalTag/Team": ["x", "${k, 'y'}-${aws:userid}"]}
                },
            )
        )
    )
    asked = Request(ALICE, "s3:GetObject", BUCKET, {"AWS:UserName": "bucket"}, OWNER)
    explanation = explain(asked, Layers(identity=own))
    (trace,) = explanation.traces
    assert trace.variables == {"aws:username": "bucket"}
    (verdict,) = trace.clauses
    assert (verdict.operator, verdict.key) == ("StringLike", "aws:PrincipalTag/Team")
    assert verdict.values == ("x", "${k, 'y'}-${aws:userid}")
    assert verdict.variables == {"k": "y", "aws:userid": None}
    assert (verdict.found, verdict.is_missing, verdict.holds) == (None, True, False)
    assert explanation.missing_keys == ("aws:principaltag/team", "aws:userid", "k")


def test_in_the_old_version_there_are_no_variables() -> None:
    old = statement(Resource="arn:aws:s3:::${aws:username}")
    own = policies(document(old, version="2008-10-17"))
    explanation = explain(Request(ALICE, "s3:GetObject", BUCKET), Layers(identity=own))
    assert explanation.traces[0].variables == {}
    assert explanation.missing_keys == ()


def test_guardrails_are_told_level_by_level() -> None:
    wide, narrow = policies(document(statement())), policies(document(statement(Action="ec2:*")))
    layers = Layers(identity=wide, scps=(wide, narrow), rcps=(wide,))
    traces = explain(Request(ALICE, "s3:GetObject", BUCKET, {}, OWNER), layers).traces
    assert [(trace.layer, trace.level, trace.applies) for trace in traces] == [
        ("rcp", 0, True),
        ("scp", 0, True),
        ("scp", 1, False),
        ("identity", 0, True),
    ]


def test_what_spoke_for_the_caller_is_told_whatever_stood_against_it() -> None:
    own = policies(document(statement(Sid="Mine"), statement("Deny")))
    denied = explain(Request(ALICE, "s3:GetObject", BUCKET, {}, OWNER), Layers(identity=own))
    assert [match.sid for match in denied.granted_by] == ["Mine"]


def test_an_explanation_survives_values_that_nothing_reads() -> None:
    pattern = "arn:aws:s3:::${k}"
    own = policies(document(statement(Resource=pattern, Condition={"Bool": {"k": "true"}})))
    context: dict[str, Any] = {"k": {}}
    (trace,) = explain(Request(ALICE, "s3:x", BUCKET, context), Layers(identity=own)).traces
    assert (trace.resource, trace.held, trace.variables) == (False, (False,), {})
    keys: dict[Any, Any] = {7: "x"}
    assert explain(Request(ALICE, "s3:x", BUCKET, keys), Layers(identity=own)).traces[0].failed
