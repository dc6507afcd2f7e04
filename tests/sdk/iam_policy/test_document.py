"""The grammar: what a document of each kind may hold, and how every defect is reported."""

import json
import time
from typing import Any

import pytest

from iam_policy import DocumentKind, Limits, PolicyError, parse_policy
from iam_policy.document import Clause
from tests.sdk.iam_policy.scenes import document, statement

KINDS = list(DocumentKind)
PLAIN = [DocumentKind.IDENTITY, DocumentKind.BOUNDARY, DocumentKind.SESSION, DocumentKind.SCP]
NO_RESOURCE = {"Resource"}


def whole(kind: DocumentKind, **elements: Any) -> dict[str, Any]:
    """A statement that is right for the kind, changed by the elements; None takes one away."""
    one = statement(Action="s3:Get*", Resource="arn:aws:s3:::b/*")
    if kind in {DocumentKind.RESOURCE, DocumentKind.TRUST}:
        one["Principal"] = {"IAM": "main"}
    if kind is DocumentKind.TRUST:
        del one["Resource"]
    return {name: value for name, value in (one | elements).items() if value is not None}


def defects(found: Any, kind: DocumentKind = DocumentKind.IDENTITY, **options: Any) -> list[str]:
    text = found if isinstance(found, str | bytes) else json.dumps(found)
    try:
        parse_policy(text, kind, **options)
    except PolicyError as error:
        return [f"{defect.path} {defect.found}" for defect in error.defects]
    return []


def one_defect(kind: DocumentKind = DocumentKind.IDENTITY, **elements: Any) -> list[str]:
    return defects(document(whole(kind, **elements)), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_document_is_read(kind: DocumentKind) -> None:
    policy = parse_policy(json.dumps(document(whole(kind, Sid="One"))), kind)
    assert (policy.kind, policy.version, policy.id) == (kind, "2012-10-17", None)
    assert policy.has_variables
    (one,) = policy.statements
    assert (one.index, one.sid, one.effect, one.actions) == (0, "One", "Allow", ("s3:Get*",))
    assert one.resources == (() if kind is DocumentKind.TRUST else ("arn:aws:s3:::b/*",))


def test_bytes_and_single_values_are_read() -> None:
    found = {"Id": "x", "Statement": whole(DocumentKind.RESOURCE, Action=["s3:*", "iam:Get?ser"])}
    policy = parse_policy(json.dumps(found).encode(), DocumentKind.RESOURCE)
    assert (policy.version, policy.id) == ("2008-10-17", "x")
    assert not policy.has_variables
    assert policy.statements[0].actions == ("s3:*", "iam:Get?ser")


def test_condition_values_become_text() -> None:
    condition = {"StringEquals": {"k": ["a", 1, 2.5, True, False]}, "Null": {"K": False}}
    found = json.dumps(document(statement(Condition=condition)))
    assert parse_policy(found, DocumentKind.IDENTITY).statements[0].clauses == (
        Clause("StringEquals", "k", ("a", "1", "2.5", "true", "false")),
        Clause("Null", "K", ("false",)),
    )


class TestPe21Grammar:
    @pytest.mark.parametrize(
        ("elements", "expected"),
        [
            ({"Effect": "allow"}, '$.Statement[0].Effect "allow"'),
            ({"Effect": None}, "$.Statement[0].Effect nothing"),
            ({"Effect": ["Allow"]}, "$.Statement[0].Effect a list"),
            ({"effect": "Deny"}, "$.Statement[0].effect this element"),
            ({"No such": 1}, '$.Statement[0]["No such"] this element'),
            ({"Sid": "a b"}, '$.Statement[0].Sid "a b"'),
            ({"Sid": 1}, "$.Statement[0].Sid 1"),
            ({"Action": None}, "$.Statement[0] neither"),
            ({"NotAction": "s3:*"}, "$.Statement[0] both"),
            ({"Action": []}, "$.Statement[0].Action an empty list"),
            ({"Action": {}}, "$.Statement[0].Action an empty object"),
            ({"Action": ["s3:*", 1]}, "$.Statement[0].Action[1] 1"),
            ({"Action": "GetObject"}, '$.Statement[0].Action "GetObject"'),
            ({"Action": "*:*"}, '$.Statement[0].Action "*:*"'),
            ({"Action": "s3:${x}"}, '$.Statement[0].Action "s3:${x}"'),
            ({"Resource": None}, "$.Statement[0] neither"),
            ({"NotResource": "*"}, "$.Statement[0] both"),
            ({"Resource": "b/*"}, '$.Statement[0].Resource "b/*"'),
            ({"Resource": ["*", "arn:\n"]}, '$.Statement[0].Resource[1] "arn:\\n"'),
            ({"Resource": "arn:aws:s3:::${"}, '$.Statement[0].Resource "arn:aws:s3:::${"'),
            ({"Resource": "arn:aws:${a}:::x"}, '$.Statement[0].Resource "arn:aws:${a}:::x"'),
            ({"Principal": "*"}, "$.Statement[0].Principal this element"),
            ({"NotPrincipal": "*"}, "$.Statement[0].NotPrincipal this element"),
            ({"Condition": {}}, "$.Statement[0].Condition an empty object"),
            ({"Condition": []}, "$.Statement[0].Condition an empty list"),
            ({"Condition": {"Bool": {}}}, "$.Statement[0].Condition.Bool an empty object"),
            ({"Condition": {"Bool": "k"}}, '$.Statement[0].Condition.Bool "k"'),
            (
                {"Condition": {"Bool": {"k": "true", "K": "true"}}},
                "$.Statement[0].Condition.Bool a key twice",
            ),
            ({"Condition": {"Boo": {"k": "true"}}}, '$.Statement[0].Condition.Boo "Boo"'),
            ({"Condition": {"Bool": {"k": "yes"}}}, '$.Statement[0].Condition.Bool.k "yes"'),
            ({"Condition": {"Bool": {"k": ["true", "x"]}}}, "$.Statement[0].Condition.Bool.k[1]"),
            ({"Condition": {"Bool": {"k": []}}}, "$.Statement[0].Condition.Bool.k an empty list"),
            ({"Condition": {"Bool": {"k": None}}}, "$.Statement[0].Condition.Bool.k nothing"),
            ({"Condition": {"Bool": {"k": [{}]}}}, "$.Statement[0].Condition.Bool.k[0] an empty"),
            ({"Condition": {"Bool": {" ": "true"}}}, '$.Statement[0].Condition.Bool[" "] " "'),
            (
                {"Condition": {"StringLike": {"a:b": "${"}}},
                '$.Statement[0].Condition.StringLike["a:b"] "${"',
            ),
        ],
    )
    def test_pe_21_a_malformed_element_is_refused(
        self, elements: dict[str, Any], expected: str
    ) -> None:
        (found,) = one_defect(**elements)
        assert found.startswith(expected)

    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            ("[]", "$ an empty list"),
            ("{}", "$.Statement nothing"),
            ({"Statement": []}, "$.Statement an empty list"),
            ({"Statement": "*"}, '$.Statement "*"'),
            ({"Statement": [[]]}, "$.Statement[0] an empty list"),
            ({"Version": "2012-10-18", "Statement": statement()}, '$.Version "2012-10-18"'),
            ({"Version": 2012, "Statement": statement()}, "$.Version 2012"),
            ({"Id": "x", "Statement": statement()}, "$.Id this element"),
            ({"Statements": 1, "Statement": statement()}, "$.Statements this element"),
            (b"\xff", "$ not valid UTF-8"),
            ('{"Version":1,"Version":2,', "$ not valid JSON at character"),
        ],
    )
    def test_pe_21_a_malformed_document_is_refused(self, found: Any, expected: str) -> None:
        (first,) = defects(found)
        assert first.startswith(expected)

    def test_pe_21_members_that_come_twice_are_refused_with_everything_else(self) -> None:
        text = (
            '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[{"Effect":"Deny",'
            '"Effect":"Allow","Effect":"allow","Action":"*","Resource":"*",'
            '"Condition":{"Bool":{"a:b":"true","a:b":"true"}}}]}'
        )
        assert defects(text) == [
            "$.Version this member twice",
            "$.Statement[0].Effect this member twice",
            '$.Statement[0].Condition.Bool["a:b"] this member twice',
            '$.Statement[0].Effect "allow"',
        ]

    def test_every_wrong_value_of_a_list_is_told_at_its_own_place(self) -> None:
        values: list[Any] = ["1", None, "x", "2", {}, "y"]
        assert one_defect(Condition={"NumericEquals": {"k": values}}) == [
            "$.Statement[0].Condition.NumericEquals.k[1] nothing",
            "$.Statement[0].Condition.NumericEquals.k[4] an empty object",
            '$.Statement[0].Condition.NumericEquals.k[2] "x"',
            '$.Statement[0].Condition.NumericEquals.k[5] "y"',
        ]

    @pytest.mark.parametrize(
        ("operator", "similar"),
        [
            ("StringEqual", "StringEquals"),
            ("ForAllValues:stringlike", "StringLike"),
            ("IPAddress", "IpAddress"),
            ("NullIfExists", "Null"),
            ("Whatever", "StringEquals"),
        ],
    )
    def test_an_unknown_operator_is_told_once_with_one_that_is_like_it(
        self, operator: str, similar: str
    ) -> None:
        one = statement(Condition={operator: {"a": "x", "b": "y"}})
        with pytest.raises(PolicyError) as caught:
            parse_policy(json.dumps(document(one)), DocumentKind.IDENTITY)
        (defect,) = caught.value.defects
        assert defect.expected == f"a condition operator such as {similar}"

    def test_pe_21_an_empty_statement_has_every_defect_at_once(self) -> None:
        assert defects({"Statement": {}}) == [
            "$.Statement.Effect nothing",
            "$.Statement neither",
            "$.Statement neither",
        ]

    def test_pe_21_a_missing_version_is_the_old_one(self) -> None:
        assert defects({"Statement": statement(Resource="arn:aws:s3:::${")}) == []

    def test_an_id_is_a_text(self) -> None:
        found = {"Id": 1, "Statement": whole(DocumentKind.TRUST)}
        assert defects(found, DocumentKind.TRUST) == ["$.Id 1"]

    def test_sids_are_unique_and_may_be_empty(self) -> None:
        assert defects(document(*[statement(Sid=sid) for sid in ("", "", "a", "b")])) == []
        found = defects({"Statement": [statement(Sid="a"), [], statement(Sid="a")]})
        assert found == ["$.Statement[1] an empty list", '$.Statement[2].Sid "a"']

    def test_the_error_says_every_defect_in_one_line(self) -> None:
        with pytest.raises(PolicyError) as caught:
            parse_policy('{"Statement":"*","X":1}', DocumentKind.IDENTITY)
        assert str(caught.value) == (
            "$.X: found this element, expected one of Statement, Version; "
            '$.Statement: found "*", expected a statement, or a list of at least one'
        )

    def test_a_long_value_is_shortened_in_the_report(self) -> None:
        (found,) = one_defect(Action="x" * 100)
        assert len(found) < 100
        assert found.endswith("...")

    @pytest.mark.parametrize("text", ["\u0100", "\u200b", "\x7f\u2028"])
    def test_only_latin_characters_are_written(self, text: str) -> None:
        found = json.dumps({"Statement": statement(Sid=text)}, ensure_ascii=False)
        assert defects(found)[0].startswith("$ ")
        escaped = {"Statement": statement(Condition={"StringEquals": {"k": "\u4e2d"}})}
        assert defects(escaped) == []


class TestPe18Values:
    @pytest.mark.parametrize(
        ("operator", "value"),
        [
            ("Bool", "1"),
            ("Null", "yes"),
            ("NumericEquals", "ten"),
            ("NumericEquals", "${aws:x}"),
            ("NumericEquals", "1_0"),
            ("NumericEquals", ""),
            ("DateEquals", "2020-01-01T00:00:00"),
            ("DateEquals", "2020-1-1"),
            ("DateEquals", "2020-02-30"),
            ("IpAddress", "010.0.0.1"),
            ("IpAddress", "10.0.0.0/33"),
            ("IpAddress", "10.0.0.0/255.0.0.0"),
            ("IpAddress", "10.0.0.0/-1"),
            ("IpAddress", "::ffff:10.0.0.0/95"),
            ("IpAddress", "10.*"),
            ("BinaryEquals", "not base64"),
            ("ArnLike", "arn:aws:s3"),
            ("ArnEquals", "${aws:x}:y"),
        ],
    )
    def test_pe_18_a_value_of_the_wrong_type_is_refused(self, operator: str, value: str) -> None:
        found = one_defect(Condition={operator: {"k": value}})
        assert found == [f"$.Statement[0].Condition.{operator}.k {json.dumps(value)}"]


class TestKinds:
    @pytest.mark.parametrize("kind", PLAIN)
    def test_policies_of_callers_name_no_principal(self, kind: DocumentKind) -> None:
        assert one_defect(kind, Principal="*") == ["$.Statement[0].Principal this element"]

    @pytest.mark.parametrize("kind", [DocumentKind.RESOURCE, DocumentKind.TRUST])
    def test_policies_of_resources_name_one(self, kind: DocumentKind) -> None:
        assert one_defect(kind, Principal=None) == ["$.Statement[0] neither"]
        assert one_defect(kind, NotPrincipal={"IAM": "main"}) == ["$.Statement[0] both"]

    def test_a_trust_policy_has_no_resource_and_no_not_principal(self) -> None:
        kind = DocumentKind.TRUST
        assert one_defect(kind, Resource="*") == ["$.Statement[0].Resource this element"]
        without = whole(kind, Principal=None, NotPrincipal={"IAM": "main"}, Effect="Deny")
        assert defects(document(without), kind) == ["$.Statement[0].NotPrincipal this element"]

    @pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"IAM": ["*"]}, None])
    def test_a_guardrail_for_resources_binds_everyone(self, principal: Any) -> None:
        assert one_defect(DocumentKind.RCP, Principal=principal) == []

    @pytest.mark.parametrize(
        "elements", [{"Principal": {"IAM": "main"}}, {"NotPrincipal": {"IAM": "main"}}]
    )
    def test_a_guardrail_for_resources_names_nobody(self, elements: dict[str, Any]) -> None:
        (found,) = one_defect(DocumentKind.RCP, **elements)
        assert found.endswith("named principals")

    def test_pe_14_not_principal_with_allow_is_refused_unless_imported(self) -> None:
        one = whole(DocumentKind.RESOURCE, Principal=None, NotPrincipal={"IAM": "main"})
        (found,) = defects(document(one), DocumentKind.RESOURCE)
        assert found.endswith("this element with Allow")
        assert defects(document(one), DocumentKind.RESOURCE, imported=True) == []
        assert defects(document(one | {"Effect": "Deny"}), DocumentKind.RESOURCE) == []

    def test_not_principal_cannot_except_everyone(self) -> None:
        one = whole(DocumentKind.RESOURCE, Principal=None, NotPrincipal="*", Effect="Deny")
        assert defects(document(one), DocumentKind.RESOURCE) == ['$.Statement[0].NotPrincipal "*"']

    @pytest.mark.parametrize("kind", KINDS)
    def test_short_arns_are_completed_only_for_callers(self, kind: DocumentKind) -> None:
        if kind is DocumentKind.TRUST:
            return
        text = json.dumps(document(whole(kind, Resource="arn:aws:sqs")))
        if kind in {DocumentKind.IDENTITY, DocumentKind.BOUNDARY, DocumentKind.SESSION}:
            assert parse_policy(text, kind).statements[0].resources == ("arn:aws:sqs:*:*:*",)
        else:
            assert defects(text, kind) == ['$.Statement[0].Resource "arn:aws:sqs"']


class TestPrincipals:
    @pytest.mark.parametrize(
        "principal",
        [
            "*",
            {"IAM": "main"},
            {"AWS": ["111122223333", "arn:aws:iam::111122223333:root"]},
            {"IAM": "arn:iam:iam::main:user/team/alice"},
            {"IAM": "usr_01jq" + 22 * "0"},
            {"AWS": "AIDAEXAMPLEEXAMPLE01"},
            {"Service": "ec2.amazonaws.com", "Federated": "accounts.google.com"},
            {"Federated": ["arn:iam:iam::main:saml-provider/okta"]},
            {"IAM": "main", "AWS": "*"},
        ],
    )
    def test_a_principal_is_named(self, principal: Any) -> None:
        assert one_defect(DocumentKind.RESOURCE, Principal=principal) == []

    @pytest.mark.parametrize(
        "principal",
        [
            "main",
            {},
            [],
            {"IAM": []},
            {"IAM": {"x": 1}},
            {"IAM": "Main"},
            {"IAM": "al*"},
            {"IAM": ""},
            {"IAM": "usr_1"},
            {"IAM": "usr_01JQ" + 22 * "0"},
            {"IAM": "arn:iam:iam::main:user/*"},
            {"IAM": "arn:iam:iam::main:user/${aws:username}\n"},
            {"IAM": "arn:iam:iam::main"},
            {"IAM": "arn:iam:iam::main:"},
            {"Service": "*"},
            {"Service": "ec2"},
            {"Federated": "*"},
            {"Federated": "arn:iam:iam::main:user/alice"},
            {"Federated": "arn:iam:iam::main:saml-provider/*"},
            {"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"},
        ],
    )
    def test_what_names_nobody_is_refused(self, principal: Any) -> None:
        (found,) = one_defect(DocumentKind.RESOURCE, Principal=principal)
        assert found.startswith("$.Statement[0].Principal")


class TestPe28Limits:
    def test_pe_28_size_counts_no_white_space_except_in_guardrails(self) -> None:
        text = json.dumps(document(whole(DocumentKind.IDENTITY)), indent=100)
        small = dict.fromkeys(DocumentKind, 200)
        assert defects(text, limits=Limits(characters=small)) == []
        (found,) = defects(text, DocumentKind.SCP, limits=Limits(characters=small))
        assert found.endswith("characters")
        assert defects(document(whole(DocumentKind.IDENTITY, Sid="x" * 6_144)))[0].endswith("ters")

    def test_pe_28_a_megabyte_is_refused_before_it_is_read(self) -> None:
        assert defects('{"Statement":[' + " " * (1 << 20) + "]}") == ["$ longer than 131072 bytes"]

    def test_pe_28_statements_are_counted(self) -> None:
        wide = Limits(characters=dict.fromkeys(DocumentKind, 1 << 20), raw_bytes=1 << 20)
        assert defects(document(*[statement()] * 100), limits=wide) == []
        assert defects(document(*[statement()] * 101), limits=wide) == [
            "$.Statement 101 statements"
        ]
        for count, found in (
            (4_000, ".Statement 4000 statements"),
            (9_000, " more than 10000 members"),
        ):
            text = json.dumps(document(*[{}] * count))
            assert defects(text, limits=wide) == [f"${found}"]

    @pytest.mark.parametrize("place", ["Action", "Resource", "Condition"])
    def test_pe_28_patterns_are_bounded(self, place: str) -> None:
        head = {"Action": "s3:", "Resource": "arn:aws:s3:::", "Condition": ""}[place]
        for tail, expected in (
            ("a*" * 16, []),
            ("a*" * 17, ['"']),
            ("*" * 200, ['"']),
            ("a" * 513, ["characters"]),
        ):
            pattern: Any = head + tail
            if place == "Condition":
                pattern = {"StringLike": {"k": pattern}}
            found = one_defect(**{place: pattern})
            assert [word for word in expected if found and word in found[0]] == expected
            assert len(found) == len(expected)

    def test_ds_03_nesting_is_refused_quickly(self) -> None:
        started = time.process_time()
        for depth, found in ((33, "nested deeper than 32"), (10_000, "more than 10000 members")):
            text = '{"Statement":{"Condition":' + '{"a":' * depth + "1" + "}" * depth + "}}"
            assert defects(text) == [f"$ {found}"]
        assert time.process_time() - started < 0.25
