"""Simulations are read strictly; what is wrong is named by its place."""

import json
from typing import Any

import pytest

from iam.errors import IamError
from iam.features.simulation.rules import KEY_TYPES, MAX_PAIRS, Simulation
from iam.features.simulation.rules import parse_simulation as parse
from iam_policy import Limits

POLICY = json.dumps({"Statement": {"Effect": "Allow", "Action": "a:*", "Resource": "*"}})
GOOD: dict[str, Any] = {"policy_input_list": [POLICY], "action_names": ["a:B"]}
BOB = "arn:iam:iam::main:user/bob"


def parse_simulation(body: Any) -> Simulation:
    return parse(body, Limits())


def entry(kind: str, *values: Any, name: Any = "a:key") -> dict[str, Any]:
    return {"context_key_name": name, "context_key_type": kind, "context_key_values": list(values)}


def refused(**members: Any) -> list[dict[str, str]]:
    with pytest.raises(IamError) as raised:
        parse_simulation({**GOOD, **members})
    problems: list[dict[str, str]] = raised.value.detail["errors"]
    return problems


def test_the_least_request_is_about_everything_by_nobody() -> None:
    read = parse_simulation(GOOD)
    assert (read.resources, read.names_resources, read.caller) == (("*",), False, None)
    assert [label for label, _ in read.policies] == ["PolicyInputList.1"]
    assert (read.max_items, read.explains, read.context) == (100, False, {})


def test_the_stored_principal_is_the_caller_unless_another_is_named() -> None:
    alone = parse_simulation({"policy_source_arn": BOB, "action_names": ["a:B"]})
    assert alone.caller is not None
    assert (alone.source, alone.caller.arn, alone.caller.name) == (BOB, BOB, "bob")
    other = parse_simulation(
        {**GOOD, "policy_source_arn": BOB, "caller_arn": BOB.replace("b", "x")}
    )
    assert other.source == BOB != (other.caller.arn if other.caller else None)


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"more": 1}, "$"),
        ({"resource_handling_option": "EC2-VPC-InstanceStore"}, "$"),
        ({"policy_input_list": []}, "$"),
        ({"policy_input_list": None}, "$"),
        ({"policy_input_list": [{}]}, "$.policy_input_list[0]"),
        ({"policy_input_list": POLICY}, "$.policy_input_list"),
        ({"policy_input_list": [POLICY] * 101}, "$.policy_input_list"),
        ({"action_names": []}, "$.action_names"),
        ({"action_names": None}, "$.action_names"),
        ({"action_names": ["a:B", "a:B"]}, "$.action_names"),
        ({"action_names": ["a:*"]}, "$.action_names"),
        ({"action_names": [7]}, "$.action_names"),
        ({"resource_arns": ["a/../b"]}, "$.resource_arns"),
        ({"resource_arns": ["x" * 3_000]}, "$.resource_arns"),
        ({"resource_owner": "main"}, "$.resource_owner"),
        ({"caller_arn": "arn:iam:iam::main:group/g"}, "$.caller_arn"),
        ({"caller_arn": "arn:iam:sts::main:assumed-role/app"}, "$.caller_arn"),
        ({"caller_arn": "arn:iam:sts::main:federated-user/a/b"}, "$.caller_arn"),
        ({"caller_arn": "nobody"}, "$.caller_arn"),
        ({"caller_arn": "*.amazonaws.com"}, "$.caller_arn"),
        ({"caller_id": "usr_1"}, "$.caller_arn"),
        ({"caller_arn": BOB, "caller_id": "usr 1"}, "$.caller_id"),
        ({"policy_source_arn": "arn:iam:iam::main:root"}, "$.policy_source_arn"),
        ({"session_policy_input_list": POLICY}, "$.session_policy_input_list"),
        ({"service_control_policy_input_list": POLICY}, "$.service_control_policy_input_list"),
        ({"service_control_policy_input_list": [POLICY]},
         "$.service_control_policy_input_list[0]"),
        ({"resource_control_policy_input_list": [[], [{}]]},
         "$.resource_control_policy_input_list[1][0]"),
        ({"resource_control_policy_input_list": [[]] * 11},
         "$.resource_control_policy_input_list"),
        ({"policy_source_arn": "bob"}, "$.policy_source_arn"),
        ({"resource_policy": POLICY}, "$.caller_arn"),
        ({"permissions_boundary_policy_input_list": [POLICY, POLICY]},
         "$.permissions_boundary_policy_input_list"),
        ({"max_items": 0}, "$.max_items"),
        ({"max_items": True}, "$.max_items"),
        ({"max_items": 1_001}, "$.max_items"),
        ({"explain": "yes"}, "$.explain"),
        ({"marker": 1}, "$.marker"),
        ({"context_entries": {}}, "$.context_entries"),
        ({"context_entries": [{}]}, "$.context_entries[0]"),
        ({"context_entries": [entry("string", "x"), entry("string", "y", name="A:KEY")]},
         "$.context_entries[1]"),
        ({"context_entries": [entry("text", "x")]}, "$.context_entries[0].context_key_type"),
        ({"context_entries": [entry("string", 1)]}, "$.context_entries[0].context_key_values"),
        ({"context_entries": [entry("string", "x", name="key")]},
         "$.context_entries[0].context_key_name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_place(members: dict[str, Any], path: str) -> None:
    assert [problem["path"] for problem in refused(**members)] == [path]


@pytest.mark.parametrize("body", [None, [], "x", {"action_names": ["a:B"]}])
def test_a_request_is_an_object_about_somebody_or_some_policy(body: Any) -> None:
    with pytest.raises(IamError):
        parse_simulation(body)


def test_a_document_that_is_no_policy_is_refused_with_all_its_defects() -> None:
    document = json.dumps({"Statement": {"Effect": "Maybe", "Action": 7, "Resource": "*"}})
    paths = [problem["path"] for problem in refused(policy_input_list=[POLICY, document])]
    assert paths == [
        "$.policy_input_list[1]:$.Statement.Effect",
        "$.policy_input_list[1]:$.Statement.Action",
    ]


def test_a_guardrail_that_is_none_is_refused_with_its_level_and_place() -> None:
    problems = refused(service_control_policy_input_list=[["FullAccess"], [POLICY, "{}"]])
    assert {problem["path"].partition(":")[0] for problem in problems} == {
        "$.service_control_policy_input_list[1][1]"
    }


def test_the_shipped_guardrail_is_known_by_its_name_where_guardrails_are() -> None:
    levels = [["FullAccess"], []]
    read = parse_simulation(
        {
            **GOOD,
            "service_control_policy_input_list": levels,
            "resource_control_policy_input_list": levels,
        }
    )
    for kind in (read.scps, read.rcps):
        assert [len(level.entries) for level in kind] == [1, 0]
    assert refused(session_policy_input_list=["FullAccess"])


@pytest.mark.parametrize(
    ("name", "arn", "account", "keys"),
    [
        (BOB, BOB, "main",
         {"principalarn": BOB, "principalaccount": "main", "principaltype": "User",
          "username": "bob"}),
        ("arn:iam:sts::main:assumed-role/app/s1", "arn:iam:sts::main:assumed-role/app/s1", "main",
         {"principalarn": "arn:iam:iam::main:role/app", "principalaccount": "main",
          "principaltype": "AssumedRole"}),
        ("arn:iam:sts::main:federated-user/ana", "arn:iam:sts::main:federated-user/ana", "main",
         {"principalarn": "arn:iam:sts::main:federated-user/ana", "principalaccount": "main",
          "principaltype": "FederatedUser"}),
        ("arn:iam:iam::main:root", "arn:iam:iam::main:root", "main",
         {"principalarn": "arn:iam:iam::main:root", "principalaccount": "main",
          "principaltype": "Account", "userid": "main"}),
        ("ec2.amazonaws.com", "ec2.amazonaws.com", None,
         {"principalisawsservice": "true", "principalservicename": "ec2.amazonaws.com"}),
        ("anonymous", None, None, {"principaltype": "Anonymous", "userid": "anonymous"}),
    ],
)  # fmt: skip
def test_a_caller_is_known_by_its_name_alone(
    name: str, arn: str | None, account: str | None, keys: dict[str, str]
) -> None:
    caller = parse_simulation({**GOOD, "caller_arn": name}).caller
    assert caller is not None
    assert (caller.principal.arn, caller.principal.account) == (arn, account)
    assert caller.context == {f"{one}:{key}": keys[key] for one in ("iam", "aws") for key in keys}


def test_an_id_is_the_callers_or_that_of_its_role() -> None:
    user = parse_simulation({**GOOD, "caller_arn": BOB, "caller_id": "usr_1"}).caller
    session = "arn:iam:sts::main:assumed-role/app/s1"
    role = parse_simulation({**GOOD, "caller_arn": session, "caller_id": "rol_1"}).caller
    assert user is not None
    assert (user.principal.id, user.context["aws:userid"]) == ("usr_1", "usr_1")
    assert role is not None
    assert (role.principal.id, role.context["aws:userid"]) == ("rol_1", "rol_1:s1")


def test_the_work_of_one_request_is_bounded() -> None:
    actions = [f"a:B{number}" for number in range(MAX_PAIRS // 2 + 1)]
    problems = refused(action_names=actions, resource_arns=["*", "arn:iam:a::main:x"])
    assert (
        problems[0]["message"]
        == f"expected at most {MAX_PAIRS} actions times resources, found 1002"
    )


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", "", None),
        ("numeric", "1.50", "NaN"),
        ("numeric", "-3", "1_000"),
        ("boolean", "True", "1"),
        ("ip", "10.0.0.1/8", "10.0.0"),
        ("ip", "2001:db8::1", "x"),
        ("date", "2026-07-01T12:00:00Z", "yesterday"),
        ("date", "1751371200", "12:00"),
        ("binary", "aGk=", "!"),
    ],
)
def test_values_fit_their_type(kind: str, good: str, bad: str | None) -> None:
    expected = b"hi" if kind == "binary" else good
    one = parse_simulation({**GOOD, "context_entries": [entry(kind, good)]})
    assert one.context == {"a:key": expected}
    two = parse_simulation({**GOOD, "context_entries": [entry(f"{kind}List", good, good)]})
    assert two.context == {"a:key": [expected, expected]}
    where = "$.context_entries[0].context_key_values"
    assert refused(context_entries=[entry(kind, good, good)])[0]["path"] == where
    if bad is not None:
        assert refused(context_entries=[entry(kind, bad)])[0]["path"] == where


def test_the_types_are_those_of_aws() -> None:
    assert sorted(KEY_TYPES) == sorted(
        ["string", "stringList", "numeric", "numericList", "boolean", "booleanList",
         "ip", "ipList", "binary", "binaryList", "date", "dateList"]
    )  # fmt: skip


def test_keys_of_aws_and_ours_are_the_same_unless_both_are_given() -> None:
    one = parse_simulation({**GOOD, "context_entries": [entry("string", "x", name="aws:SourceIp")]})
    assert one.context == {"aws:sourceip": "x", "iam:sourceip": "x"}
    entries = [entry("string", "x", name="aws:k"), entry("string", "y", name="iam:K")]
    both = parse_simulation({**GOOD, "context_entries": entries})
    assert both.context == {"aws:k": "x", "iam:k": "y"}


def test_a_policy_for_assuming_roles_is_a_trust_policy() -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": BOB}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    members = {"resource_policy": document, "caller_arn": BOB}
    read = parse_simulation({**GOOD, "action_names": ["sts:AssumeRole"], **members})
    assert read.resource_policy is not None
    assert refused(**members)[0]["path"].startswith("$.resource_policy:")
