import json
from typing import Any

import pytest

from iam_policy import (
    Decision,
    DocumentKind,
    Effect,
    Explanation,
    Layer,
    Layers,
    Principal,
    Request,
    as_dict,
    build_set,
    compile_stored,
    explain,
    for_caller,
    reason,
    sentences,
)
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

WIDE = policies(document(statement(Sid="All")))
DENY = policies(document(statement("Deny")))
ADDRESS = {"IpAddress": {"AWS:sourceip": "10.0.0.0/8"}}


def explained(layers: Layers, context: dict[str, Any] | None = None) -> Explanation:
    return explain(Request(ALICE, "s3:GetObject", BUCKET, context or {}, OWNER), layers)


def told(layers: Layers) -> str:
    return str(for_caller(explained(layers)))


def guarded(condition: dict[str, Any]) -> Layers:
    return Layers(identity=policies(document(statement(Condition=condition))))


class TestReasons:
    def test_a_decision_gives_its_reason_in_one_sentence(self) -> None:
        root = Principal(f"arn:aws:iam::{OWNER}:root", OWNER)
        assert reason(ask(Layers(identity=WIDE))) == "allowed by p0 statement All"
        assert reason(ask(Layers(identity=DENY))) == "denied by p0 statement 0"
        assert reason(ask(Layers(), root)) == "allowed to the account itself"
        assert reason(ask(Layers())) == "denied, because no policy of the caller allows it"
        assert "could not be decided" in reason(ask(Layers(), action="nothing"))
        for layer in Layer:
            told = reason(Decision(Effect.IMPLICIT_DENY, blocked_by=layer))
            assert told.startswith("denied, because")


class TestAdministrators:
    def test_the_nearest_miss_and_what_kept_it_from_matching_are_told(self) -> None:
        assert sentences(explained(guarded(ADDRESS))) == (
            "denied, because no policy of the caller allows it",
            (
                "nearest in layer identity: p0 statement 0, kept from matching by "
                "condition IpAddress AWS:sourceip, which the request does not have"
            ),
            "missing keys: aws:sourceip",
        )
        other = explained(guarded(ADDRESS), {"aws:SourceIp": "192.0.2.1"})
        assert sentences(other)[1].endswith("condition IpAddress AWS:sourceip, which differs")
        elsewhere = Layers(identity=policies(document(statement(Action="s3:Put*"))))
        assert sentences(explained(elsewhere))[1].endswith("kept from matching by action")

    def test_what_a_layer_took_away_is_told(self) -> None:
        found = sentences(explained(Layers(identity=WIDE, boundary=policies())))
        assert found == (
            "denied, because the permissions boundary does not allow it",
            "otherwise allowed by p0 statement All",
        )
        assert sentences(explained(Layers(identity=WIDE))) == ("allowed by p0 statement All",)

    def test_the_full_account_is_ready_for_json(self) -> None:
        context = {
            "aws:SourceIp": b"\xff",
            "k": frozenset({"b", "a"}),
            "n": [10**5_000, float("inf"), None, 1.5],
            "o": object(),
        }
        condition = {
            "IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"},
            "ForAnyValue:StringLike": {"k": "${aws:username}"},
            "Null": {"n": "true", "o": "false"},
        }
        found = json.loads(json.dumps(as_dict(explained(guarded(condition), context))))
        assert found["decision"] == "implicitDeny"
        assert found["matched"] == found["granted_by"] == []
        assert found["missing_keys"] == ["aws:username"]
        (one,) = found["statements"]
        assert (one["layer"], one["policy"], one["statement"]) == ("identity", "p0", 0)
        assert (one["action"], one["resource"], one["principal"]) == (True, True, True)
        by_key = {each["key"]: each for each in one["conditions"]}
        assert by_key["aws:SourceIp"]["found"] == "/w=="
        assert by_key["k"] == {
            "operator": "ForAnyValue:StringLike",
            "key": "k",
            "values": ["${aws:username}"],
            "found": ["a", "b"],
            "missing": False,
            "variables": {"aws:username": None},
            "holds": False,
        }
        assert by_key["n"]["found"] == [hex(10**5_000), "inf", None, 1.5]
        assert by_key["o"]["found"].startswith("<object")

    def test_the_nearest_miss_is_in_the_full_account(self) -> None:
        found = as_dict(explained(guarded(ADDRESS)))
        assert found["blocked_by"] == "identity"
        assert found["nearest_miss"] == {
            "layer": "identity",
            "policy": "p0",
            "statement": 0,
            "sid": None,
            "effect": "Allow",
            "failed": ["IpAddress AWS:sourceip"],
        }
        assert as_dict(explained(Layers(identity=WIDE)))["nearest_miss"] is None


class TestCallers:
    def test_the_caller_learns_its_action_and_the_layer(self) -> None:
        nothing = policies()
        named = resource_policy(statement("Deny", Principal="*"))
        assert told(Layers(identity=WIDE)) == "s3:GetObject is allowed on this resource"
        assert told(Layers()) == "no policy allows s3:GetObject on this resource"
        assert told(Layers(identity=DENY)) == "a policy denies s3:GetObject on this resource"
        sentence = "your permissions boundary does not allow s3:GetObject on this resource"
        assert told(Layers(identity=WIDE, boundary=nothing)) == sentence
        sentence = "a guardrail does not allow s3:GetObject on this resource"
        assert told(Layers(identity=WIDE, scps=(nothing,))) == sentence
        sentence = "the resource's policy denies you s3:GetObject on this resource"
        assert told(Layers(identity=WIDE, resource=named)) == sentence

    def test_a_condition_on_its_own_circumstances_is_named_in_our_spelling(self) -> None:
        found = for_caller(explained(guarded(ADDRESS)))
        assert str(found) == (
            "no policy allows s3:GetObject on this resource; "
            "a condition on aws:SourceIp was not met"
        )
        assert found.as_dict() == {
            "decision": "implicitDeny",
            "action": "s3:GetObject",
            "blocked_by": "identity",
            "unmet": ["aws:SourceIp"],
            "message": str(found),
        }

    @pytest.mark.parametrize(
        "condition",
        [
            {"StringEquals": {"aws:PrincipalTag/layoffs": "yes"}},
            {**ADDRESS, "StringEquals": {"aws:ResourceTag/secret": "yes"}},
        ],
    )
    def test_a_key_that_an_administrator_named_is_not_told(self, condition: dict[str, Any]) -> None:
        assert told(guarded(condition)) == "no policy allows s3:GetObject on this resource"

    def test_conditions_of_guardrails_and_resource_policies_are_not_told(self) -> None:
        inner = policies(document(statement(Condition=ADDRESS)))
        assert "SourceIp" not in told(Layers(identity=WIDE, scps=(inner,)))
        named = resource_policy(statement(Principal="*", Condition=ADDRESS))
        layers = Layers(identity=WIDE, resource=named, resource_policy_required=True)
        assert "SourceIp" not in told(layers)

    def test_a_condition_beside_another_obstacle_is_not_told(self) -> None:
        one = statement(Action="s3:Put*", Condition=ADDRESS)
        assert "SourceIp" not in told(Layers(identity=policies(document(one))))

    def test_what_is_wrong_with_a_policy_is_not_told(self) -> None:
        broken = build_set([("arn:x:secret", compile_stored("{", DocumentKind.IDENTITY))])
        assert told(Layers(identity=broken)) == "the request could not be decided"

    def test_no_policy_name_or_value_or_other_principal_is_ever_told(self) -> None:
        secret = policies(
            document(
                statement(Sid="Secret", Resource="arn:aws:s3:::secret", Condition=ADDRESS),
                statement(Sid="Secret2", Condition={"StringLike": {"secret": "secret"}}),
            )
        )
        named = resource_policy(statement(Principal={"AWS": "arn:aws:iam::1:user/secret"}))
        for layers in (
            Layers(identity=secret, resource=named),
            Layers(identity=WIDE, boundary=secret),
            Layers(identity=WIDE, rcps=(secret,), scps=(secret,)),
            Layers(identity=WIDE, resource=named, resource_policy_required=True),
        ):
            found = json.dumps(for_caller(explained(layers)).as_dict()).lower()
            assert "secret" not in found
            assert "p0" not in found
