import json
from typing import Any

import pytest

from iam_policy import Context, DocumentKind, Layers, PolicySet, build_set, compile_policy
from iam_policy import index as index_module
from iam_policy.variables import ContextError
from tests.sdk.iam_policy.scenes import ALICE, ask, document, policies, resource_policy, statement


def compiled(**elements: Any) -> Any:
    return compile_policy(json.dumps(document(statement(**elements))), DocumentKind.IDENTITY)


def decide(
    found: PolicySet, action: str = "s3:GetObject", resource: str = "arn:aws:s3:::b/k"
) -> Any:
    return ask(Layers(identity=found), ALICE, action, resource)


def test_the_memo_of_actions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_MEMO_SIZE", 4)
    found = policies(document(statement(Action="s3:*")))
    for place in range(20):
        assert decide(found, f"s3:A{place}").allowed
        assert not decide(found, f"iam:A{place}").allowed
        assert len(found._memo) <= 4


def test_pe_16_actions_match_in_any_case_and_are_reported_as_written() -> None:
    found = policies(document(statement(Action="IAM:createuser"), statement(Action="s3:GET*")))
    for action in ("iam:CreateUser", "IAM:CREATEUSER", "iam:createuser", "S3:getobject"):
        assert decide(found, action).allowed
    assert not decide(found, "iam:CreateUsers").allowed


def test_a_prefix_longer_than_the_resource_is_no_match() -> None:
    found = policies(document(statement(Resource="arn:aws:s3:::b/k/longer*")))
    assert not decide(found).allowed


def test_statements_are_found_by_every_form_of_resource() -> None:
    for pattern in (
        "*",
        "arn:aws:s3:::b/k",
        "arn:aws:s3:::*",
        "arn:*:s3:::*/k",
        "arn:aws:s3:::?/k",
    ):
        assert decide(policies(document(statement(Resource=pattern)))).allowed
    for pattern in ("arn:aws:s3:::b/j", "arn:aws:s3:::c*", "arn:aws:s3:::*/j"):
        assert not decide(policies(document(statement(Resource=pattern)))).allowed
        assert decide(policies(document(statement(NotResource=pattern)))).allowed


@pytest.mark.parametrize(
    "elements",
    [
        {"Resource": "*"},
        {"Resource": "arn:aws:s3:::b/k"},
        {"Resource": "arn:aws:s3:::b/*"},
        {"NotResource": "arn:aws:s3:::c"},
    ],
)
def test_a_failing_condition_is_passed_over(elements: dict[str, str]) -> None:
    failing = statement(Sid="no", Condition={"Bool": {"k": "true"}}, **elements)
    assert not decide(policies(document(failing))).allowed
    (match,) = decide(policies(document(failing, statement(Sid="yes", **elements)))).matched
    assert match.sid == "yes"
    holding = statement(Sid="yes", Condition={"Null": {"k": "true"}}, **elements)
    assert decide(policies(document(failing, holding))).matched[0].sid == "yes"


def test_a_resource_policy_is_searched_in_every_form() -> None:
    for elements in (
        {"Resource": "*"},
        {"Resource": "arn:aws:s3:::bucket/key"},
        {"Resource": ["arn:aws:s3:::bucket/*", "arn:aws:s3:::*/key"]},
        {"NotResource": "arn:aws:s3:::c"},
    ):
        one = statement(Principal="*", **elements)
        assert ask(Layers(resource=resource_policy(one))).allowed
        failing = one | {"Condition": {"Bool": {"k": "true"}}}
        assert not ask(Layers(resource=resource_policy(failing))).allowed
    for elements in ({"Resource": "arn:aws:s3:::*/other"}, {"NotResource": "arn:aws:s3:::*"}):
        other = statement(Principal="*", **elements)
        assert not ask(Layers(resource=resource_policy(other))).allowed


def test_the_hash_of_a_set_tells_labels_and_documents_apart() -> None:
    one, two = compiled(), compiled(Action="s3:*")
    assert build_set([("a", one)]).content_hash == build_set([("a", one)]).content_hash
    sets = [
        build_set([("a", one)]),
        build_set([("b", one)]),
        build_set([("a", two)]),
        build_set([("a", one), ("b", two)]),
        build_set([("b", two), ("a", one)]),
        build_set([]),
    ]
    assert len({found.content_hash for found in sets}) == len(sets)


def test_a_decision_names_policy_and_statement() -> None:
    found = build_set([("first", compiled(Action="iam:*")), ("second", compiled(Sid="Read"))])
    (match,) = decide(found).matched
    assert (match.layer, match.policy, match.statement) == ("identity", "second", 0)
    assert (match.sid, match.effect) == ("Read", "Allow")
    assert decide(found).matched == (match,)


def tagged(tag: str, **elements: Any) -> dict[str, Any]:
    return statement(Sid=tag, Condition={"StringEquals": {"k": [tag, tag + "x"]}}, **elements)


@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/*"])
def test_many_statements_are_told_apart_by_the_text_they_ask_for(resource: str) -> None:
    many = [tagged(f"t{number}", Resource=resource) for number in range(30)]
    like = statement(Sid="like", Resource=resource, Condition={"StringLike": {"k": "l*"}})
    layers = Layers(identity=policies(document(*many, like)))
    contexts: list[tuple[Any, str | None]] = [
        ("t7", "t7"),
        ("t29x", "t29"),
        ("lx", "like"),
        ("none", None),
        (["t7"], None),
        (7, None),
    ]
    for value, sid in contexts:
        matched = ask(layers, resource="arn:aws:s3:::b/k", context={"K": value}).matched
        assert [match.sid for match in matched] == ([] if sid is None else [sid])
    assert not ask(layers, resource="arn:aws:s3:::b/k").allowed


def test_a_variable_is_no_text_to_be_found_by() -> None:
    many = [tagged(f"${{tag{number}}}") | {"Sid": f"s{number}"} for number in range(30)]
    layers = Layers(identity=policies(document(*many)))
    matched = ask(layers, context={"tag9": "red", "k": "red"}).matched
    assert [match.sid for match in matched] == ["s9"]


def sorted_out(condition: Any, texts: list[str], context: dict[str, Any]) -> list[str | None]:
    """Return which of many statements apply, each with another text in its condition."""
    many = [
        statement(Sid=f"s{place}", Principal="*", Condition=condition(text))
        for place, text in enumerate(texts)
    ]
    found = resource_policy(*many)
    deny, allow = found.tables("s3:GetObject")
    assert deny is None
    assert allow is not None
    return [entry.statement.sid for entry in allow.applying("arn:aws:s3:::b/k", Context(context))]


@pytest.mark.parametrize(
    ("operator", "texts", "value", "applying"),
    [
        ("StringLike", [f"x{n}*" for n in range(20)], "x1y", [1]),
        ("StringLike", [f"*x{n}*y" for n in range(20)], "x1y", [1]),
        ("StringLike", ["?*?", "*", "a", *"bcdefghi"], "a", [1, 2]),
        ("StringNotLike", [*(f"x{n}*" for n in range(9)), "*y"], "x3y", [0, 1, 2, *range(4, 9)]),
        ("StringNotLike", ["*"] * 20, "x", []),
        ("StringNotEquals", [f"x{n % 2}" for n in range(12)], "x0", [1, 3, 5, 7, 9, 11]),
        ("NumericLessThan", [f"{n}" for n in range(99)], 96.5, [97, 98]),
        ("NumericLessThanEquals", [f"{n}" for n in range(99)], 97, [97, 98]),
        ("NumericGreaterThan", [f"{n}" for n in range(99)], 2, [0, 1]),
        ("NumericGreaterThanEquals", [f"{99 - n}" for n in range(99)], "2", [97, 98]),
        ("NumericNotEquals", ["1"] * 20, "one", []),
        ("NumericLessThan", [f"{n}" for n in range(20)], "many", []),
        ("DateLessThan", [f"20{n}" for n in range(10, 40)], "2038-01-01T00:00:01Z", [29]),
        ("IpAddress", [f"10.0.{n}.0/24" for n in range(20)], "10.0.3.9", [3]),
        ("IpAddress", ["10.0.0.0/8", "::/0", *["10.0.0.9"] * 9], "2001:db8::1", [1]),
        ("NotIpAddress", ["10.0.0.0/8", "::/0", *["10.0.0.0/7"] * 9], "10.2.2.2", [1]),
        ("NotIpAddress", ["10.0.0.0/8"] * 20, "no address", []),
        ("ArnLike", [f"arn:aws:s3:::b{n}/*" for n in range(20)], "arn:aws:s3:::b1/x", [1]),
        ("ArnLike", [f"arn:aws:*:::b*{n}/x" for n in range(10)], "arn:aws:s3:::b4/x", [4]),
        ("ArnLike", [f"arn:*:s3:::b{n}*x" for n in range(10, 99)], "arn:aws:s3:::b14/x", [4]),
        ("ArnNotLike", [f"arn:aws:s3:::b{n}/*" for n in range(20)], "b1/x", []),
        ("ForAnyValue:StringEquals", [f"x{n}" for n in range(20)], ["x1", "x3"], [1, 3]),
        ("ForAnyValue:StringEquals", [f"x{n}" for n in range(20)], [], []),
        ("ForAllValues:StringLike", [f"x{n}*" for n in range(20)], ["x1", "x11"], [1]),
        ("ForAllValues:StringLike", [f"x{n}*" for n in range(20)], ["x1", ("x1",)], "error"),
        ("StringEquals", [f"x{n}" for n in range(20)], ["x1"], []),
        ("StringEquals", [f"x{n}" for n in range(20)], {"x1": 1}, "error"),
        ("StringEquals", [f"x{n}" for n in range(20)], b"x1", "error"),
        ("StringNotEquals", [f"${{tag{n}}}" for n in range(10)], "red", [0, *range(2, 10)]),
        ("StringEquals", [f"x${{tag1}}{n}" for n in range(10)], "xred3", [3]),
        ("StringEqualsIgnoreCase", [f"X${{tag1}}{n}" for n in range(10)], "xRed3", [3]),
        ("StringEqualsIgnoreCase", [f"X{n}" for n in range(10)], "x3", [3]),
        ("StringLike", [f"x${{tag1}}*{n}" for n in range(10)], 7, []),
    ],
)  # fmt: skip
def test_of_many_conditions_on_one_key_those_that_hold_are_found(
    operator: str, texts: list[str], value: Any, applying: Any
) -> None:
    context = {"K": value, "tag1": "red"}
    if applying == "error":
        with pytest.raises(ContextError):
            sorted_out(lambda text: {operator: {"k": text}}, texts, context)
        return
    found = sorted_out(lambda text: {operator: {"k": text}}, texts, context)
    assert found == [f"s{place}" for place in applying]
    missing = sorted_out(lambda text: {operator: {"k": text}}, texts, {"tag1": "red"})
    holds = operator.startswith("ForAll") or "Not" in operator
    assert len(missing) == (len(texts) if holds else 0)


def test_of_conditions_on_many_keys_those_are_read_whose_key_is_there() -> None:
    keys = [f"k{n}" for n in range(40)]

    def applying(operator: str, value: str, context: dict[str, Any]) -> list[str | None]:
        return sorted_out(lambda key: {operator: {key: value}}, keys, context)

    for operator in ("StringEquals", "ForAnyValue:StringNotEquals"):
        value = "x" if operator == "StringEquals" else "y"
        assert applying(operator, value, {"K7": "x", "k9": "z"})[:1] == ["s7"]
        assert applying(operator, value, {"other": "x"}) == []
    assert applying("Null", "False", {"k7": "x"}) == ["s7"]
    assert len(applying("Null", "true", {"k7": "x"})) == 39
    assert len(applying("StringEqualsIfExists", "x", {"k7": "y"})) == 39
    assert len(applying("ForAllValues:Bool", "true", {"k7": "y"})) == 39


def test_a_null_is_sifted_by_whether_the_key_has_a_value() -> None:
    texts = ["true", "false"] * 5
    for value, applying in ((["x"], 1), ([], 0)):
        found = sorted_out(lambda text: {"Null": {"k": text}}, texts, {"k": value})
        assert found == [f"s{place}" for place in range(10) if place % 2 == applying]


def test_nothing_is_asked_once_nothing_is_left() -> None:
    def condition(text: str) -> dict[str, Any]:
        return {"StringEquals": {"k": text}, "NumericLessThan": {"n": "1"}}

    assert sorted_out(condition, [f"x{n}" for n in range(10)], {"k": "y", "n": object()}) == []
    assert sorted_out(condition, [f"x{n}" for n in range(10)], {"k": "x1", "n": 0}) == ["s1"]


def test_statements_with_not_resource_are_sifted_as_well() -> None:
    many = [
        statement(
            Sid=f"s{n}",
            NotResource=f"arn:aws:s3:::b/{n}",
            Condition={"StringLike": {"k": f"x{n}*"}},
        )
        for n in range(20)
    ]
    layers = Layers(identity=policies(document(*many)))
    for resource, sids in (("b/3", []), ("b/4", ["s3"])):
        matched = ask(layers, resource=f"arn:aws:s3:::{resource}", context={"k": "x3"}).matched
        assert [match.sid for match in matched] == sids


def test_actions_that_match_the_same_statements_share_their_tables() -> None:
    found = policies(document(statement(Action="s3:*")))
    assert found.tables("s3:GetObject") is found.tables("S3:PUTOBJECT")
    assert found.tables("s3:GetObject") is not found.tables("iam:GetUser")
