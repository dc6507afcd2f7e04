import json
from typing import Any

import pytest

from iam_policy import Effect, evaluate
from iam_policy.cases import CaseError, answers, read_case

INVOICE = "arn:iam:billing::main:invoice/7"
ALLOW = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
DENY = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "No", "Effect": "Deny", "Action": "billing:*", "Resource": "*"}],
}


def record(**members: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "principal_arn": "arn:iam:iam::main:user/alice",
        "principal_account": "main",
        "action": "billing:GetInvoice",
        "resource_arn": INVOICE,
        "identity_policies": [ALLOW],
        "expected": "allowed",
    } | members


def answered(**members: Any) -> dict[str, object]:
    (found,) = answers([json.dumps(record(**members))])
    return found


def defects(value: object) -> list[str]:
    with pytest.raises(CaseError) as caught:
        read_case(value)
    return [str(defect) for defect in caught.value.defects]


def test_an_answer_names_what_allowed_it() -> None:
    assert answered() == {
        "id": "one",
        "decision": "allowed",
        "blocked_by": None,
        "matched": [
            {
                "layer": "identity",
                "policy": "identity_policies[0]",
                "statement": 0,
                "sid": None,
                "effect": "Allow",
            }
        ],
        "expected": "allowed",
        "ok": True,
    }


def test_an_explicit_deny_is_blocked_by_no_layer_and_names_its_statement() -> None:
    found = answered(scps=[[ALLOW], [ALLOW, DENY]])
    assert found["decision"] == "explicitDeny"
    assert found["blocked_by"] is None
    assert found["ok"] is False
    assert found["matched"] == [
        {"layer": "scp", "policy": "scps[1][1]", "statement": 0, "sid": "No", "effect": "Deny"}
    ]


def test_an_implicit_deny_names_the_layer_that_stood_in_the_way() -> None:
    limit = ALLOW | {"Statement": ALLOW["Statement"] | {"Action": "crm:*"}}  # type: ignore[operator] # both are objects
    found = answered(permission_boundaries=[limit], expected="implicitDeny")
    assert (found["blocked_by"], found["ok"]) == ("boundary", True)


def test_a_case_without_expectation_is_decided_and_neither_right_nor_wrong() -> None:
    case = record()
    del case["expected"]
    (found,) = answers([json.dumps(case)])
    assert (found["decision"], found["expected"], found["ok"]) == ("allowed", None, None)


def test_an_account_that_is_not_given_is_that_of_the_name() -> None:
    case = record()
    del case["principal_account"]
    assert read_case(case).request.principal.account == "main"
    case["principal_arn"] = "ec2.amazonaws.com"
    assert read_case(case).request.principal.account is None


def test_an_anonymous_caller_has_neither_name_nor_account() -> None:
    principal = read_case(record(principal_arn=None, principal_account=None)).request.principal
    assert (principal.arn, principal.account) == (None, None)


def test_a_stored_policy_may_name_the_principal_by_its_id() -> None:
    own_id = "usr_01j9zq3m5v8x2b4c6d7e8f9g0h"
    granting = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"IAM": own_id}}
    policy = {"Version": "2012-10-17", "Statement": granting}
    case = record(identity_policies=[], principal_id=own_id, resource_policy=policy)
    assert answers_effect(case) is Effect.ALLOWED


def answers_effect(case: dict[str, Any]) -> Effect:
    read = read_case(case)
    return evaluate(read.request, read.layers).effect


@pytest.mark.parametrize("has_resource", [True, False])
def test_a_required_policy_may_be_a_trust_policy_or_one_with_resources(
    has_resource: bool,
) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Principal": {"IAM": "main"}}
    if has_resource:
        statement["Resource"] = "*"
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    case = record(resource_policy=policy, resource_policy_required=True)
    assert answers_effect(case) is Effect.ALLOWED


def test_an_imported_resource_policy_may_allow_with_not_principal() -> None:
    statement = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "NotPrincipal": {"IAM": "arn:iam:iam::main:user/bob"},
    }
    policy = {"Version": "2012-10-17", "Statement": statement}
    assert answers_effect(record(identity_policies=[], resource_policy=policy)) is Effect.ALLOWED


def test_every_defect_is_told_at_once_with_its_place_in_the_record() -> None:
    broken = {"Version": "2012-10-17", "Statement": [{"Effect": "allow", "Action": "x"}]}
    found = defects(
        record(
            action="GetInvoice",
            resource_arn=7,
            expected="yes",
            context={"a": {}, "A": [None]},
            scps=[[broken]],
            rcps={},
            resource_policy=[],
            resource_policy_required="no",
        )
    )
    assert [one.partition(":")[0] for one in found] == [
        "$.action",
        "$.resource_arn",
        "$.context",
        "$.context.a",
        "$.context.A",
        "$.resource_policy_required",
        "$.resource_policy",
        "$.scps[0][0].Statement[0].Effect",
        "$.scps[0][0].Statement[0].Action",
        "$.scps[0][0].Statement[0]",
        "$.rcps",
        "$.expected",
    ]


def test_a_context_must_be_an_object() -> None:
    assert defects(record(context=["a"])) == [
        "$.context: found a list, expected an object of condition keys"
    ]


def test_what_must_be_there_is_missed() -> None:
    assert [one.partition(":")[0] for one in defects({})] == [
        "$.id",
        "$.principal_arn",
        "$.action",
        "$.resource_arn",
    ]


def test_a_record_must_be_an_object() -> None:
    assert defects([]) == ["$: found an empty list, expected an object"]


def test_a_misspelt_member_is_refused_and_a_remark_is_not() -> None:
    assert defects(record(identity_policy=[])) == [
        "$.identity_policy: found this member, expected `identity_policies`"
    ]
    assert read_case(record(doc="a page", tags=["stated"])).expected is Effect.ALLOWED


def test_a_line_that_cannot_be_read_is_an_error_and_the_others_are_answered() -> None:
    lines = ["{", "", json.dumps(record()), "[]", json.dumps({"id": "x"})]
    found = list(answers(lines))
    assert [one["id"] for one in found] == ["line 1", "one", "line 4", "x"]
    assert ["error" in one for one in found] == [True, False, True, True]
    assert found[0]["error"] == "not valid JSON at character 1"


def test_a_case_can_expect_to_be_refused() -> None:
    broken = record(identity_policies=[{"Statement": []}], expected="error")
    cases = [broken, record(expected="error"), broken | {"scp": []}]
    refused, decided, slip = answers(map(json.dumps, cases))
    assert (refused["expected"], refused["ok"]) == ("error", True)
    assert "Statement" in str(refused["error"])
    assert (decided["decision"], decided["expected"], decided["ok"]) == ("allowed", "error", False)
    assert "`scps`" in str(slip["error"])
    assert "ok" not in slip
