"""Questions are read strictly; a wrong one is named by its place, never repeated."""

from typing import Any

import pytest

from iam.errors import IamError
from iam.features.decisions.rules import (
    PrincipalSubject,
    SessionSubject,
    TokenSubject,
    parse_evaluations,
)
from iam_policy import Limits

ARN = "arn:iam:billing::main:invoice/42"
GOOD: dict[str, Any] = {
    "principal": "arn:iam:iam::main:service/orders",
    "action": "billing:GetInvoice",
    "resource": ARN,
}


def parse(**changes: Any) -> Any:
    question = {**GOOD, **changes}
    question = {key: value for key, value in question.items() if value is not ...}
    return parse_evaluations({"evaluations": [question]}, maximum=3, limits=Limits())[0]


def test_the_three_ways_to_say_who() -> None:
    assert parse().subject == PrincipalSubject("arn:iam:iam::main:service/orders")
    assert parse(principal=..., token="a.b.c").subject == TokenSubject("a.b.c")
    session = {"role": "arn:iam:iam::main:role/deploy", "name": "ci-42"}
    assert parse(principal=..., session=session).subject == SessionSubject(
        "arn:iam:iam::main:role/deploy", "ci-42", None
    )


def test_a_token_is_not_printed() -> None:
    assert "canary" not in repr(parse(principal=..., token="canary"))


def test_pe_16_the_prefix_of_an_action_is_compared_without_case() -> None:
    assert parse(action="BILLING:getinvoice").action_prefix == "billing"


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "a.b.c"},
        {"principal": ...},
        {"principal": 7},
        {"principal": ..., "token": "x" * 16_385},
        {"principal": ..., "session": {"role": "r"}},
        {"principal": ..., "session": {"role": "r", "name": "x"}},
        {"principal": ..., "session": {"role": "r", "name": "ci", "policy": "{}"}},
        {"principal": ..., "session": {"role": "r", "name": "ci", "policy": {}}},
        {"principal": ..., "session": {"role": "r", "name": "ci", "admin": True}},
        {"action": "billing"},
        {"action": "billing:*"},
        {"action": "b" * 200 + ":x"},
        {"action": None},
        {"resource": "x"},
        {"resource": ""},
        {"resource": 7},
        {"resource": "arn:iam:billing::main:" + "x" * 3000},
        {"context": []},
        {"context": {"k": {"nested": 1}}},
        {"context": {"k": None}},
        {"context": {"k": [1] * 101}},
        {"context": {str(n): 1 for n in range(101)}},
        {"context": {"Key": 1, "key": 2}},
        {"extra": 1},
    ],
)
def test_pe_25_a_question_that_is_not_exactly_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IamError) as caught:
        parse(**changes)
    assert caught.value.code == "validation_failed"
    assert caught.value.detail["errors"][0]["path"].startswith("$.evaluations[0]")


@pytest.mark.parametrize(
    "resource",
    [
        "arn:iam:iam::main:user/../admin",
        "arn:iam:iam::main:user%2fadmin",
        "arn:iam:iam::main:user//admin",
        "arn:iam:iam::main:user/admin.",
        "arn:iam:iam::main:user;x",
        "arn:iam:iam::main:user/\u212bdmin",
        "arn:iam:iam::main:user/\x00",
    ],
)
def test_pe_23_a_resource_with_two_readings_is_refused(resource: str) -> None:
    with pytest.raises(IamError):
        parse(resource=resource)


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"evaluations": []}, {"evaluations": [GOOD] * 4}, {"evaluations": [7]},
     {"evaluations": [GOOD], "more": 1}],
)  # fmt: skip
def test_a_batch_is_an_object_with_a_bounded_list(body: Any) -> None:
    with pytest.raises(IamError):
        parse_evaluations(body, maximum=3, limits=Limits())
