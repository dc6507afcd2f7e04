"""What the page about lint does not show: paths, where rules end, and that findings are true."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_policy import DocumentKind, Layers, PolicyError, parse_policy
from iam_policy.catalogue import parse_catalogue
from iam_policy.lint import RULES, Finding, Severity, lint
from tests.sdk.iam_policy.scenes import ask, document, policies, statement

CATALOGUE = parse_catalogue(
    json.dumps(
        {
            "prefix": "billing",
            "actions": [
                {"name": "GetInvoice", "access_level": "read", "resource_types": ["invoice"]},
                {"name": "ListInvoices", "access_level": "list"},
            ],
            "resource_types": [
                {
                    "name": "invoice",
                    "arn_format": "arn:${Partition}:billing::${Account}:invoice/${Id}",
                    "condition_keys": ["billing:Stage/${TagKey}"],
                }
            ],
            "condition_keys": [{"name": "billing:Stage/${TagKey}", "type": "String"}],
        }
    )
)
INVOICE = "arn:iam:billing::main:invoice/7"


def found(
    *statements: dict[str, Any],
    kind: DocumentKind = DocumentKind.IDENTITY,
    version: str = "2012-10-17",
) -> list[Finding]:
    text = json.dumps(document(*statements, version=version))
    return list(lint(text, kind, catalogues=[CATALOGUE]))


def codes(*statements: dict[str, Any], kind: DocumentKind = DocumentKind.IDENTITY) -> set[str]:
    return {one.code for one in found(*statements, kind=kind)}


def conditioned(effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    return statement(effect, Action="crm:Get", Resource="arn:iam:crm::main:x", Condition=condition)


class TestFindings:
    def test_paths_are_those_of_the_text(self) -> None:
        one = statement(Action=["crm:Get", "crm:*"], Resource="*")
        text = json.dumps({"Version": "2012-10-17", "Statement": one})
        assert {(each.code, each.path) for each in lint(text)} == {
            ("allow-service-wildcard", "$.Statement.Action[1]"),
            ("redundant-action", "$.Statement.Action[0]"),
        }

    def test_a_path_quotes_names_that_are_not_plain(self) -> None:
        (each,) = found(conditioned(StringEquals={"iam:PrincipalTag/team": ["ok", "pay*"]}))
        path = '$.Statement[0].Condition.StringEquals["iam:PrincipalTag/team"][1]'
        assert each.path == path

    def test_errors_come_first(self) -> None:
        severities = [each.severity for each in found(
            statement(Action=["crm:*", "crm:Get"]),
            conditioned(StringEquals={"iam:TagKeys": "a"}, BoolIfExists={"x:y": "true"}),
        )]  # fmt: skip
        order = list(Severity)
        assert severities == sorted(severities, key=order.index)
        assert set(severities) == set(Severity)

    def test_a_finding_says_itself_in_one_line(self) -> None:
        (each,) = found(statement())
        assert str(each).startswith("$.Statement[0]: warning allow-everything: ")
        assert "\n" not in str(each)

    def test_a_parsed_policy_is_examined_as_its_own_kind(self) -> None:
        text = json.dumps(document(statement("Deny", Action="crm:*")))
        assert [each.code for each in lint(parse_policy(text, DocumentKind.SCP))] == [
            "scp-without-allow"
        ]
        old = parse_policy(json.dumps({"Statement": statement()}), DocumentKind.IDENTITY)
        assert [(each.code, each.path) for each in lint(old)] == [
            ("allow-everything", "$.Statement[0]"),
            ("old-version", "$.Version"),
        ]
        narrow = parse_policy(
            json.dumps(document(statement(Action="crm:*", Resource="*"))), DocumentKind.IDENTITY
        )
        assert [each.path for each in lint(narrow)] == ["$.Statement[0].Action[0]"]

    def test_a_text_that_is_no_policy_is_refused(self) -> None:
        with pytest.raises(PolicyError):
            lint("{}")

    def test_there_are_enough_rules_and_their_words_are_of_one_form(self) -> None:
        assert len(RULES) >= 24
        for rule in RULES:
            assert rule.code == rule.code.lower()
            assert not rule.advice.endswith(".")


class TestEscalation:
    @pytest.mark.parametrize(
        ("action", "resource", "is_way_up"),
        [
            ("iam:Attach*", "*", True),
            ("IAM:attachuserpolicy", "arn:iam:iam::main:user/alice", True),
            ("iam:AttachUserPolicy", INVOICE, False),
            ("iam:*", "arn:iam:iam::main:*", True),
            ("iam:Get*", "*", False),
            ("iam:PassRole", "arn:iam:iam::main:role/*", True),
            ("iam:PassRole", "arn:iam:iam::main:role/team/app", False),
            ("iam:AddUserToGroup", "arn:iam:iam::main:group/support", False),
            ("iam:CreateCredential", "arn:iam:iam::main:service/${iam:username}", False),
        ],
    )
    def test_a_way_up_is_told_where_it_is_open(
        self, action: str, resource: str, is_way_up: bool
    ) -> None:
        told = codes(statement(Action=action, Resource=resource))
        assert any(code.startswith("escalation-") for code in told) is is_way_up

    def test_not_resource_names_nothing(self) -> None:
        excepting = {"Effect": "Allow", "Action": "iam:PassRole", "NotResource": "arn:x:y:::z"}
        assert "escalation-pass-role" in codes(excepting)

    def test_a_deny_and_a_boundary_are_no_way_up(self) -> None:
        one = {"Action": "iam:PutUserPolicy", "Resource": "*"}
        assert not codes(statement("Deny", **one))
        assert not codes(statement(**one), kind=DocumentKind.BOUNDARY)


class TestBoundaries:
    @pytest.mark.parametrize(
        ("denied", "is_open"),
        [
            ({"Action": "iam:*PermissionsBoundary"}, False),
            ({"NotAction": "crm:*"}, False),
            ({"Action": "iam:DeleteUserPermissionsBoundary"}, True),
            ({"Action": "iam:*", "Condition": {"Bool": {"iam:SecureTransport": "true"}}}, True),
        ],
    )
    def test_a_boundary_must_protect_itself_whatever_the_circumstances(
        self, denied: dict[str, Any], is_open: bool
    ) -> None:
        told = codes(statement(), statement("Deny", **denied), kind=DocumentKind.BOUNDARY)
        assert ("boundary-removable" in told) is is_open

    def test_a_boundary_that_does_not_reach_the_service_is_safe(self) -> None:
        assert not codes(statement(Action="crm:*"), kind=DocumentKind.BOUNDARY)


class TestConditions:
    @pytest.mark.parametrize(
        ("condition", "code"),
        [
            ({"NumericLessThan": {"x:n": "1"}, "NumericGreaterThan": {"x:n": "1"}}, True),
            ({"NumericLessThan": {"x:n": "2"}, "NumericGreaterThan": {"x:n": "1"}}, False),
            ({"NumericLessThanEquals": {"x:n": 1}, "NumericGreaterThanEquals": {"x:n": 1}}, False),
            ({"NumericLessThan": {"x:n": ["0", "5"]}, "NumericGreaterThan": {"x:n": "1"}}, False),
            ({"NumericEquals": {"x:n": ["3", "4"]}, "NumericLessThan": {"x:n": "3"}}, True),
            ({"NumericEquals": {"x:n": ["2", "4"]}, "NumericLessThan": {"x:n": "3"}}, False),
            ({"Null": {"x:n": "true"}, "StringEquals": {"x:n": "a"}}, True),
            ({"Null": {"x:n": ["true", "false"]}, "StringEquals": {"x:n": "a"}}, False),
            ({"StringEquals": {"x:n": "a"}, "StringLike": {"X:N": "b*"}}, True),
            ({"StringEquals": {"x:n": "${aws:username}"}, "StringLike": {"x:n": "b*"}}, False),
            ({"StringEqualsIfExists": {"x:n": "a"}, "StringEquals": {"x:n": "b"}}, False),
        ],
    )
    def test_a_contradiction_is_told_only_where_there_is_one(
        self, condition: dict[str, Any], code: bool
    ) -> None:
        assert ("contradictory-condition" in codes(conditioned(**condition))) is code

    @pytest.mark.parametrize(
        ("effect", "condition", "code"),
        [
            ("Deny", {"Bool": {"iam:SecureTransport": "false"}}, None),
            ("Deny", {"BoolIfExists": {"iam:MultiFactorAuthPresent": False}}, None),
            ("Deny", {"Bool": {"iam:MultiFactorAuthPresent": "true"}}, None),
            (
                "Deny",
                {"Bool": {"x:y": "false"}, "Null": {"x:y": "false"}},
                None,
            ),
            ("Deny", {"StringNotEquals": {"x:y": "a"}}, None),
            ("Allow", {"StringNotEquals": {"x:y": "a"}}, "allow-matches-absent-key"),
            ("Allow", {"StringNotEquals": {"x:y": "a"}, "Null": {"X:Y": False}}, None),
            ("Allow", {"DateNotEquals": {"iam:CurrentTime": "2026-01-01"}}, None),
            ("Allow", {"ForAnyValue:StringNotEquals": {"x:y": "a"}}, None),
            ("Allow", {"ForAllValues:StringLike": {"x:y": "a"}}, "for-all-values-without-null"),
            ("Deny", {"ForAllValues:StringLike": {"x:y": "a"}}, None),
        ],
    )
    def test_absence_is_told_only_where_it_surprises(
        self, effect: str, condition: dict[str, Any], code: str | None
    ) -> None:
        assert codes(conditioned(effect, **condition)) == ({code} if code else set())

    def test_ranges_of_both_families_are_understood(self) -> None:
        told = [
            each.message
            for each in found(
                conditioned(
                    NotIpAddress={"x:address": ["::/0", "2001:db8::1", "10.0.0.1"]},
                    IpAddress={"iam:SourceIp": ["fd00::/8", "203.0.113.0/24"]},
                )
            )
            if "address" in each.message and "x:address" not in each.message
        ]
        assert sorted(told) == [
            "a private address is seen only where no proxy or gateway stands between",
            "holds for every IPv6 address",
        ]

    def test_a_literal_star_is_no_wildcard(self) -> None:
        assert not codes(conditioned(StringEquals={"x:y": "${*}"}))

    def test_an_ill_formed_variable_of_the_old_version_is_plain_text(self) -> None:
        one = statement(Action="crm:Get", Resource="arn:iam:crm::main:${")
        assert [each.code for each in found(one, version="2008-10-17")] == ["old-version"]


class TestNames:
    @pytest.mark.parametrize(
        ("one", "code"),
        [
            ({"Action": "billing:*", "Resource": INVOICE}, None),
            ({"Action": "BILLING:GETINVOICE", "Resource": INVOICE}, "action-case"),
            ({"Action": "billing:Get*", "Resource": INVOICE}, None),
            ({"Action": "billing:Void*", "Resource": INVOICE}, "unknown-action"),
            ({"Action": "billing:ListInvoices", "Resource": "*"}, None),
            ({"Action": "billing:ListInvoices", "Resource": INVOICE}, "resource-not-for-action"),
            ({"Action": "crm:Get", "Resource": "arn:iam:crm::main:x"}, None),
            (
                {"Action": "billing:GetInvoice", "Resource": "arn:*:bill*:*:*:invoice/x"},
                "wildcard-crosses-colon",
            ),
        ],
    )
    def test_a_name_is_told_only_where_it_is_wrong(
        self, one: dict[str, Any], code: str | None
    ) -> None:
        assert codes(statement(**one)) == ({code} if code else set())

    def test_an_action_unlike_any_other_is_told_without_a_guess(self) -> None:
        (each,) = found(statement(Action="billing:Xyz", Resource=INVOICE))
        assert "did you mean" not in each.message

    def test_a_document_full_of_slips_gets_a_few_guesses_only(self) -> None:
        actions = [f"billing:GetInvoice{number}" for number in range(50)]
        told = found(statement(Action=actions, Resource=INVOICE))
        assert len(told) == 50
        assert sum("did you mean" in each.message for each in told) == 20

    def test_a_key_unlike_any_other_is_told_without_a_guess(self) -> None:
        one = statement(Action="crm:Get", Resource="arn:iam:crm::main:${aws:nonsense}")
        one["Condition"] = {"StringEquals": {"aws:qqqqqq": "a"}}
        assert [each.code for each in found(one)] == ["unknown-variable", "unknown-condition-key"]
        assert not any("did you mean" in each.message for each in found(one))

    def test_a_key_for_each_tag_is_known_by_its_beginning(self) -> None:
        one = statement(Action="billing:GetInvoice", Resource=INVOICE)
        one["Condition"] = {"StringEquals": {"billing:stage/Draft": "yes"}}
        assert not codes(one)
        one["Action"], one["Resource"] = "billing:ListInvoices", "*"
        assert codes(one) == {"condition-key-not-for-action"}

    def test_a_key_beside_actions_that_nobody_registered_is_left_alone(self) -> None:
        one = statement(Action="crm:Get", Resource="arn:iam:crm::main:x")
        assert not codes(one | {"Condition": {"StringEquals": {"billing:Stage/a": "b"}}})

    def test_not_action_is_checked_for_names_only(self) -> None:
        one = {"Effect": "Deny", "NotAction": "billing:GetInvoice", "Resource": "*"}
        assert not codes(one | {"Condition": {"StringEquals": {"billing:Stage/a": "b"}}})


class TestRedundancy:
    @pytest.mark.parametrize(
        ("narrow", "wide", "is_part"),
        [
            ({"Action": "crm:Get"}, {"NotAction": "crm:Put"}, True),
            ({"Action": "crm:*"}, {"NotAction": "crm:Put"}, False),
            ({"NotAction": "crm:*"}, {"NotAction": "crm:Put"}, True),
            ({"NotAction": "crm:Put"}, {"NotAction": "crm:*"}, False),
            ({"NotAction": "crm:Put"}, {"Action": "*"}, True),
            ({"NotAction": "crm:Put"}, {"Action": "crm:*"}, False),
            ({"Resource": INVOICE}, {"NotResource": "arn:iam:crm:*:*:*"}, True),
            (
                {"Condition": {"Bool": {"x:a": "true", "x:b": "true"}}},
                {"Condition": {"Bool": {"X:A": "true"}}},
                True,
            ),
            ({}, {"Condition": {"Bool": {"x:a": "true"}}}, False),
        ],
    )
    def test_a_statement_is_part_of_a_wider_one(
        self, narrow: dict[str, Any], wide: dict[str, Any], is_part: bool
    ) -> None:
        told = found(statement("Deny", **narrow), statement("Deny", **wide))
        paths = [each.path for each in told if each.code == "redundant-statement"]
        assert ("$.Statement[0]" in paths) is is_part

    def test_of_two_equal_statements_one_stays(self) -> None:
        told = found(*[statement("Deny", Action="crm:Get")] * 3)
        assert [each.path for each in told] == ["$.Statement[2]", "$.Statement[1]"]

    @pytest.mark.parametrize(
        ("one", "other", "is_part"),
        [
            ({"Principal": "*"}, {"Principal": {"IAM": "main"}}, True),
            ({"Principal": {"IAM": "main"}}, {"Principal": {"IAM": "main"}}, True),
            ({"Principal": {"IAM": "main"}}, {"Principal": "*"}, False),
            ({"NotPrincipal": {"IAM": "main"}}, {"NotPrincipal": {"IAM": "main"}}, False),
        ],
    )
    def test_principals_are_part_of_the_comparison(
        self, one: dict[str, Any], other: dict[str, Any], is_part: bool
    ) -> None:
        statements = [statement("Deny", **one), statement("Deny", Action="crm:Get", **other)]
        told = codes(*statements, kind=DocumentKind.RESOURCE)
        assert ("redundant-statement" in told) is is_part

    def test_lists_too_long_to_compare_are_left_alone(self) -> None:
        actions = [f"c:{number:x}" for number in range(401)]
        one = statement("Deny", Action=[*actions, "c:0"], Resource="arn:iam:c::main:x")
        assert not codes(one, one)

    def test_the_longest_document_is_examined_in_time(self) -> None:
        actions = [f"c:{'a*' * 7}{number:x}*" for number in range(210)]
        statements = [statement(Action=actions[n : n + 10]) for n in range(0, 210, 10)]
        before = time.process_time()
        assert codes(*statements) == {"redundant-statement"}
        assert time.process_time() - before < 5


ACTIONS = ["s3:GetObject", "s3:PutObject", "iam:GetUser"]
ACTION_PATTERNS = st.sampled_from(["*", "s3:*", "s3:Get*", "S3:getobject", "s3:?utObject", "iam:*"])
RESOURCES = ["arn:aws:s3:::b/alice", "arn:aws:s3:::b/a*", "arn:aws:s3:::c", "arn:aws:iam::1:user/x"]
RESOURCE_PATTERNS = st.sampled_from(
    ["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::?", *RESOURCES]
)
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike"]),
    st.dictionaries(
        st.sampled_from(["aws:username", "x:y"]),
        st.lists(st.sampled_from(["alice", "bob", "a*"]), min_size=1, max_size=2),
        min_size=1,
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    one: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    for name, patterns in (("Action", ACTION_PATTERNS), ("Resource", RESOURCE_PATTERNS)):
        element = draw(st.sampled_from([name, name, name, f"Not{name}"]))
        one[element] = draw(st.lists(patterns, min_size=1, max_size=3))
    if draw(st.booleans()):
        one["Condition"] = draw(CONDITIONS)
    return one


CONTEXTS: list[dict[str, str]] = [
    {},
    {"aws:username": "alice"},
    {"aws:username": "a*", "x:y": "bob"},
]


def decisions(statements: list[dict[str, Any]]) -> list[str]:
    own = policies(document(*statements))
    return [
        str(ask(Layers(identity=own), action=action, resource=resource, context=context).effect)
        for action in ACTIONS
        for resource in RESOURCES
        for context in CONTEXTS
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(statements(), min_size=2, max_size=5))
def test_what_is_said_to_decide_nothing_can_be_left_out(drawn: list[dict[str, Any]]) -> None:
    idle = {"redundant-statement", "unreachable-statement", "contradictory-condition"}
    told = [each for each in found(*drawn) if each.code in idle]
    places = {int(each.path.partition("[")[2].partition("]")[0]) for each in told}
    kept = [one for place, one in enumerate(drawn) if place not in places]
    if kept:
        assert decisions(kept) == decisions(drawn)


@settings(max_examples=150, deadline=None)
@given(statements())
def test_patterns_said_to_be_part_of_others_can_be_left_out(drawn: dict[str, Any]) -> None:
    before = decisions([drawn])
    told = [each.path for each in found(drawn) if each.code.startswith("redundant-")]
    for path in sorted(told, reverse=True):
        _, _, element, place = path.replace("]", "").replace("[", ".").split(".")[1:]
        drawn[element].pop(int(place))
    assert decisions([drawn]) == before
