from typing import Any

from iam_policy import DocumentKind, Layers, Miss, Request, build_set, explain, nearest_miss
from tests.sdk.iam_policy.scenes import (
    ALICE,
    BUCKET,
    OWNER,
    document,
    policies,
    resource_policy,
    statement,
)

WIDE = policies(document(statement()))
ADDRESS = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


def miss(layers: Layers, action: str = "s3:GetObject") -> Miss | None:
    return nearest_miss(explain(Request(ALICE, action, BUCKET, {}, OWNER), layers))


def nearest(*statements: dict[str, Any]) -> tuple[str | None, tuple[str, ...]] | None:
    found = miss(Layers(identity=policies(document(*statements))))
    return None if found is None else (found.match.sid, found.failed)


def test_the_allow_with_the_fewest_failed_elements_is_nearest() -> None:
    two = statement(Sid="Two", Resource="arn:aws:s3:::other", Condition=ADDRESS)
    one = statement(Sid="One", Action="s3:GetObject", Condition=ADDRESS)
    expected = ("One", ("IpAddress aws:SourceIp",))
    assert nearest(two, one) == nearest(one, two) == expected


def test_a_condition_is_nearer_than_a_resource_and_a_resource_than_an_action() -> None:
    condition = statement(Sid="Condition", Condition=ADDRESS)
    resource = statement(Sid="Resource", Resource="arn:aws:s3:::bucket/keys")
    action = statement(Sid="Action", Action="s3:GetObjects")
    assert nearest(action, resource, condition) == ("Condition", ("IpAddress aws:SourceIp",))
    assert nearest(action, resource) == ("Resource", ("resource",))
    assert nearest(action) == ("Action", ("action",))


def test_of_equals_the_closest_resource_then_the_closest_action_is_nearest() -> None:
    far = statement(Sid="Far", Resource=["arn:aws:sqs:::q", "arn:aws:s3:::other"])
    close = statement(Sid="Close", Resource="arn:aws:s3:::bucket/k")
    assert nearest(far, close) == ("Close", ("resource",))
    put, get = statement(Sid="Put", Action="s3:Put*"), statement(Sid="Get", Action="s3:GetObjectX")
    assert nearest(put, get) == ("Get", ("action",))


def test_an_action_beats_two_failures_of_a_statement_on_the_action() -> None:
    twice = statement(Sid="Twice", Condition={**ADDRESS, "Bool": {"aws:SecureTransport": "true"}})
    assert nearest(twice, statement(Sid="Once", Action="s3:Put*")) == ("Once", ("action",))


def test_a_statement_on_another_action_and_resource_is_no_miss() -> None:
    assert nearest(statement(Action="iam:*", Resource="arn:aws:iam::1:user/x")) is None
    assert nearest(statement("Deny", Action="iam:*")) is None


def test_allowed_and_explicitly_denied_requests_have_no_nearest_miss() -> None:
    assert miss(Layers(identity=WIDE)) is None
    assert miss(Layers(identity=policies(document(statement("Deny"))))) is None
    assert miss(Layers(identity=WIDE), "nothing") is None


def test_the_miss_is_in_the_layer_and_the_level_that_took_it_away() -> None:
    nearly = policies(document(statement(Sid="Nearly", Condition=ADDRESS)))
    named = statement(Sid="Nearly", Principal={"AWS": "444455556666"})
    trust = policies(
        document({"Effect": "Allow", "Sid": "Nearly", "Action": "sts:*", "Principal": "*"}),
        kind=DocumentKind.TRUST,
    )
    places: list[tuple[Layers, str, str]] = [
        (Layers(identity=WIDE, boundary=nearly), "boundary", "IpAddress aws:SourceIp"),
        (Layers(identity=WIDE, sessions=nearly), "session", "IpAddress aws:SourceIp"),
        (Layers(identity=WIDE, scps=(WIDE, nearly)), "scp", "IpAddress aws:SourceIp"),
        (Layers(identity=WIDE, rcps=(nearly, WIDE)), "rcp", "IpAddress aws:SourceIp"),
        (
            Layers(WIDE, resource=resource_policy(named), resource_policy_required=True),
            "resource",
            "principal",
        ),
        (Layers(WIDE, resource=trust, resource_policy_required=True), "resource", "action"),
    ]
    for layers, layer, failed in places:
        found = miss(layers)
        assert found is not None
        assert (found.match.layer, found.match.sid, found.failed) == (layer, "Nearly", (failed,))


def test_a_guardrail_level_without_policies_has_no_near_statement() -> None:
    assert miss(Layers(identity=WIDE, scps=(build_set([]), WIDE))) is None
