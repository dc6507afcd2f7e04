import json
from typing import Any

import pytest

from iam_policy import DocumentKind, Layers, PolicySet, build_set, compile_policy
from iam_policy import index as index_module
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
