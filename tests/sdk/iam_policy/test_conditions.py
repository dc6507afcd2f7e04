"""Every operator on real decisions: an Allow with the condition, alone."""

from typing import Any

import pytest

from iam_policy import Layers
from iam_policy.conditions import OperatorError, operator_names
from iam_policy.conditions.registry import Operator, bind_condition, register
from tests.sdk.iam_policy.scenes import ask, document, holds, policies, statement

NEGATED = [name for name in operator_names() if "Not" in name]
VALID = {"String": "x", "Numeric": "1", "Date": "2026-01-01", "IpAddress": "10.0.0.1", "Arn": "*"}


def value_for(operator: str) -> str:
    return next(value for word, value in VALID.items() if word in operator)


def test_all_operators_of_the_language_exist() -> None:
    comparisons = ["Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
    negatable = [
        ("String", ["Equals", "EqualsIgnoreCase", "Like"]),
        ("Arn", ["Equals", "Like"]),
        ("Numeric", ["Equals"]),
        ("Date", ["Equals"]),
    ]
    names = {f"{family}{name}" for family in ("Numeric", "Date") for name in comparisons}
    for family, endings in negatable:
        names |= {f"{family}{infix}{end}" for end in endings for infix in ("", "Not")}
    names |= {"Bool", "Null", "BinaryEquals", "IpAddress", "NotIpAddress"}
    assert operator_names() == tuple(sorted(names))


@pytest.mark.parametrize(
    "operator",
    ["stringequals", "StringEqual", "NullIfExists", "ForAnyValue:Null", "ForSome:Bool", "", "=="],
)
def test_an_unknown_operator_is_an_error(operator: str) -> None:
    with pytest.raises(OperatorError):
        bind_condition(operator, "k", ("true",), variables=True)


def test_an_operator_cannot_be_registered_twice() -> None:
    with pytest.raises(OperatorError, match="Bool is registered twice"):
        register(Operator("Bool", lambda _, __: lambda _, __: True, lambda _: lambda _: 0))


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", True, "true", True),
        ("StringEquals", 10, 10, True),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", ["a", "b"], "a", False),
        ("StringEqualsIgnoreCase", "aB", "Ab", True),
        ("StringNotEqualsIgnoreCase", "aB", "Ab", False),
        ("StringLike", "a?c*", "abcd", True),
        ("StringLike", "A*", "abc", False),
        ("StringNotLike", ["a*", "b*"], "c", True),
        ("Bool", "TRUE", True, True),
        ("Bool", ["true", "false"], "False", True),
        ("Bool", True, "1", False),
        ("Bool", False, 0, False),
        ("BinaryEquals", "QUJD", "QUJD", True),
        ("BinaryEquals", "QUJD", b"ABC", True),
        ("BinaryEquals", "QUJD", "QUJE", False),
        ("BinaryEquals", "QUJD", "QU", False),
        ("BinaryEquals", "QUJD", 1, False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "10", 10, True),
        ("NumericEquals", "0.1", 0.1, True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThanEquals", ["1", "10"], "10", True),
        ("NumericGreaterThan", "-1", "0", True),
        ("NumericGreaterThanEquals", "2.50", "2.5", True),
        ("NumericEquals", "1", True, False),
        ("DateEquals", "2020", "2020-01-01T00:00:00Z", True),
        ("DateEquals", "2020-02", "2020-02-01", True),
        ("DateEquals", "2020-01-01T10:00+02:00", "2020-01-01T08:00:00.000Z", True),
        ("DateEquals", "2020-01-01T10:00-02:30", "2020-01-01T12:30Z", True),
        ("DateEquals", "1577836800.5", "2020-01-01T00:00:00.5Z", True),
        ("DateEquals", "1577836800", 1_577_836_800, True),
        ("DateEquals", "-1.5", "1969-12-31T23:59:58.5Z", True),
        ("DateNotEquals", "2020-01-01", "2020-01-02", True),
        ("DateLessThan", "2020-01-02", "2020-01-01", True),
        ("DateLessThanEquals", "2020-01-01", "2020-01-01", True),
        ("DateGreaterThan", "2020-01-01", "2020-01-01T00:00:00.000000001Z", True),
        ("DateGreaterThanEquals", "2020-01-01", "2019-12-31T23:59:59Z", False),
        ("DateGreaterThan", "2000", True, False),
        ("IpAddress", "10.0.0.1/8", "10.200.3.4", True),
        ("IpAddress", "::/0", "10.0.0.1", False),
        ("IpAddress", "0.0.0.0/0", "10.0.0.1", True),
        ("IpAddress", "::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("IpAddress", "::ffff:10.0.0.1", "10.0.0.1", True),
        ("NotIpAddress", "10.0.0.0/8", "2001:db8::1", True),
        ("NotIpAddress", "10.0.0.0/8", "10.0.0.1", False),
        ("ArnEquals", "arn:aws:s3:::b*", "arn:aws:s3:::bucket/x:y", True),
        ("ArnLike", "*", "arn:aws:s3:::x", True),
        ("ArnLike", "arn:aws:*:x", "arn:aws:a:b:c:x", None),
        ("ArnLike", "arn:aws:s3:::a:b", "arn:aws:s3:::a:b", True),
        ("ArnNotEquals", "arn:aws:s3:::b*", "arn:aws:s3:::c", True),
        ("ArnNotLike", "arn:aws:s3:::b*", "arn:aws:s3:::b", False),
    ],
)
def test_an_operator_compares(
    operator: str, wanted: Any, given: Any, expected: bool | None
) -> None:
    if expected is None:
        with pytest.raises(Exception, match="expected an ARN of six segments"):
            holds({operator: {"k": wanted}}, {"k": given})
    else:
        assert holds({operator: {"k": wanted}}, {"k": given}) is expected


class TestPe17MissingKeys:
    @pytest.mark.parametrize("operator", [o for o in operator_names() if "Not" not in o][:-1])
    def test_pe_17_a_positive_operator_is_false(self, operator: str) -> None:
        if operator in {"Null", "Bool", "BinaryEquals"}:
            values = {"Null": "false", "Bool": "true", "BinaryEquals": "QUJD"}
            assert not holds({operator: {"k": values[operator]}})
        else:
            assert not holds({operator: {"k": value_for(operator)}})

    @pytest.mark.parametrize("operator", NEGATED)
    def test_pe_17_a_negated_operator_is_true(self, operator: str) -> None:
        assert holds({operator: {"k": value_for(operator)}})

    @pytest.mark.parametrize("prefix", ["", "ForAllValues:", "ForAnyValue:"])
    @pytest.mark.parametrize("operator", ["StringEquals", "NumericNotEquals", "IpAddress"])
    def test_pe_17_if_exists_is_true(self, prefix: str, operator: str) -> None:
        assert holds({f"{prefix}{operator}IfExists": {"k": value_for(operator)}})

    def test_pe_17_if_exists_tests_a_key_that_is_there(self) -> None:
        assert not holds({"StringEqualsIfExists": {"k": "x"}}, {"k": "y"})
        assert not holds({"ForAnyValue:StringEqualsIfExists": {"k": "x"}}, {"k": []})
        assert holds({"ForAnyValue:StringEqualsIfExists": {"k": "x"}}, {"k": ["y", "x"]})

    def test_pe_17_null_tells_whether_the_key_has_a_value(self) -> None:
        for context, absent in (({}, True), ({"k": []}, True), ({"k": ""}, False)):
            assert holds({"Null": {"k": "true"}}, context) is absent
            assert holds({"Null": {"k": False}}, context) is not absent
            assert holds({"Null": {"k": ["true", "false"]}}, context)

    @pytest.mark.parametrize("context", [{}, {"k": []}])
    def test_pe_17_sets_on_nothing(self, context: dict[str, Any]) -> None:
        assert holds({"ForAllValues:StringEquals": {"k": "x"}}, context)
        assert holds({"ForAllValues:StringNotEquals": {"k": "x"}}, context)
        assert not holds({"ForAnyValue:StringEquals": {"k": "x"}}, context)
        assert not holds({"ForAnyValue:StringNotEquals": {"k": "x"}}, context)


def test_all_operators_and_all_keys_must_hold() -> None:
    both = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    assert holds(both, {"A": "1", "B": "2", "C": "true"})
    for key in "abc":
        assert not holds(both, {"a": "1", "b": "2", "c": "true"} | {key: "0"})


@pytest.mark.parametrize("many", [["x"], ["x", "y"], [], ("x",), {"x"}, frozenset({"y"})])
def test_a_plain_operator_never_matches_a_multivalued_key(many: Any) -> None:
    assert not holds({"StringEquals": {"k": "x"}}, {"k": many})
    assert not holds({"StringNotEquals": {"k": "z"}}, {"k": many})


def test_a_single_value_is_a_set_of_one() -> None:
    assert holds({"ForAnyValue:StringLike": {"k": "a*"}}, {"k": "abc"})
    assert not holds({"ForAllValues:StringLike": {"k": "a*"}}, {"k": "b"})


def test_any_value_may_satisfy_a_negated_set_operator() -> None:
    assert holds({"ForAnyValue:StringNotLike": {"k": "a*"}}, {"k": {"a", "b"}})
    assert not holds({"ForAnyValue:StringNotLike": {"k": "a*"}}, {"k": ["a", "ab"]})


class TestPe18TypeConfusion:
    @pytest.mark.parametrize(
        ("operator", "wanted", "given"),
        [
            ("NumericNotEquals", "10", "ten"),
            ("NumericNotEquals", "10", "1_0"),
            ("NumericNotEquals", "10", " 1"),
            ("NumericNotEquals", "10", "nan"),
            ("NumericNotEquals", "10", float("inf")),
            ("NumericNotEquals", "10", "1e3"),
            ("NumericNotEquals", "10", True),
            ("NumericNotEquals", "10", "\u0661"),
            ("DateNotEquals", "2020-01-01", "2020-01-01T00:00:00"),
            ("DateNotEquals", "2020-01-01", "2020-13-01"),
            ("DateNotEquals", "2020-01-01", "2020-01-01T24:00:00Z"),
            ("DateNotEquals", "2020-01-01", "2020-01-01T23:60:00Z"),
            ("DateNotEquals", "2020-01-01", "2020-01-01T00:00:00+24:00"),
            ("DateNotEquals", "2020-01-01", "yesterday"),
            ("NotIpAddress", "10.0.0.0/8", "010.0.0.1"),
            ("NotIpAddress", "10.0.0.0/8", "fe80::1%eth0"),
            ("NotIpAddress", "10.0.0.0/8", "10.0.0.0/8"),
            ("NotIpAddress", "10.0.0.0/8", 167_772_161),
            ("ArnNotLike", "arn:aws:s3:::b", "b"),
            ("ArnNotLike", "arn:aws:s3:::b", "urn:aws:s3:::b"),
            ("ArnNotLike", "arn:aws:s3:::b", 7),
            ("ForAllValues:NumericNotEquals", "10", ["11", "x"]),
            ("ForAnyValue:NumericNotEquals", "10", ["x", "10"]),
        ],
    )
    def test_pe_18_a_value_of_another_type_fails_the_negated_operator_too(
        self, operator: str, wanted: str, given: Any
    ) -> None:
        assert not holds({operator: {"k": wanted}}, {"k": given})

    def test_pe_18_texts_and_json_values_compare_by_their_text(self) -> None:
        assert holds({"Bool": {"k": "true"}}, {"k": True})
        assert holds({"NumericEquals": {"k": 10}}, {"k": "10"})
        assert holds({"IpAddress": {"k": "10.0.0.0/8"}}, {"k": "::ffff:10.0.0.1"})

    def test_a_context_value_of_no_known_type_denies_with_a_finding(self) -> None:
        own = policies(
            document(statement(Condition={"StringNotEquals": {"k": "x"}})),
        )
        decision = ask(Layers(identity=own), context={"k": {"a": 1}})
        assert decision.findings == ("error: ContextError",)
        assert not decision.allowed


class TestPe19VariableInjection:
    @pytest.mark.parametrize("name", ["*", "a*", "?lice", "${aws:username}", "arn:aws:s3:::*"])
    def test_pe_19_a_value_is_never_a_pattern(self, name: str) -> None:
        own = policies(document(statement(Resource="arn:aws:s3:::b/${aws:username}/*")))
        context = {"aws:username": name}
        layers = Layers(identity=own)
        assert not ask(layers, resource="arn:aws:s3:::b/alice/x", context=context).allowed
        assert ask(layers, resource=f"arn:aws:s3:::b/{name}/x", context=context).allowed

    def test_pe_19_in_condition_values(self) -> None:
        context = {"k": "alice", "t": "*"}
        for operator in ("StringEquals", "StringLike", "StringEqualsIgnoreCase"):
            assert not holds({operator: {"k": "${t}"}}, context)
        assert holds({"StringLike": {"k": "${t}"}}, {"k": "*", "t": "*"})
        assert holds({"StringEqualsIgnoreCase": {"k": "X${t}"}}, {"k": "xy", "t": "Y"})

    def test_pe_19_a_colon_in_a_value_makes_no_new_arn_segment(self) -> None:
        condition = {"ArnLike": {"k": "arn:aws:${t}:::x"}}
        assert not holds(condition, {"k": "arn:aws:s3:eu:1:x", "t": "s3:eu:1:x"})
        assert holds(condition, {"k": "arn:aws:s3:::x", "t": "s3"})

    def test_a_whole_arn_may_come_from_a_variable(self) -> None:
        condition = {"ArnEquals": {"k": "${aws:PrincipalArn}"}}
        arn = "arn:aws:iam::1:user/*"
        assert holds(condition, {"k": arn, "aws:PrincipalArn": arn})
        other = "arn:aws:iam::1:user/bob"
        assert not holds(condition, {"k": other, "aws:PrincipalArn": arn})
        assert not holds(condition, {"k": other})

    def test_pe_19_not_resource_with_an_unresolved_variable_excepts_nothing(self) -> None:
        own = policies(document(statement("Deny", NotResource="arn:aws:s3:::${aws:username}/*")))
        wide = policies(document(statement()))
        decision = ask(Layers(identity=own, sessions=wide))
        assert decision.effect == "explicitDeny"
