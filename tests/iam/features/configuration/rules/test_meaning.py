"""When two policy documents say the same."""

from typing import Any

import pytest

from iam.features.configuration.rules.meaning import meaning

READ: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["billing:Get*", "billing:List*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "billing:Pay", "Resource": ["a:b:c:d:e:f"]},
    ],
}


def said(document: dict[str, Any]) -> str:
    return meaning(document, partition="iam")


def statement(**members: Any) -> dict[str, Any]:
    base = {"Effect": "Allow", "Action": "a:B", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [{**base, **members}]}


def test_order_lists_of_one_and_the_case_of_actions_make_no_difference() -> None:
    first, second = READ["Statement"]
    other = {
        "Statement": [
            {**second, "Action": ["billing:pay"], "Resource": "a:b:c:d:e:f"},
            {"Resource": ["*"], "Action": ["billing:List*", "billing:GET*"], "Effect": "Allow"},
        ],
        "Version": "2012-10-17",
    }
    assert said(other) == said(READ)
    assert said({**READ, "Statement": [first]}) == said({**READ, "Statement": first})


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Deny"},
        {"Action": ["a:B", "a:C"]},
        {"Resource": "arn:iam:a::main:b"},
        {"Sid": "Named"},
        {"Condition": {"Bool": {"iam:SecureTransport": "true"}}},
        {"NotAction": "a:B", "Action": None},
    ],
)
def test_whatever_the_engine_or_a_person_reads_differs(changed: dict[str, Any]) -> None:
    assert said(statement(**changed)) != said(statement())


def test_the_version_is_part_of_the_meaning() -> None:
    assert said({**READ, "Version": "2008-10-17"}) != said(READ)


def test_principals_are_the_same_under_either_name_of_their_type_and_of_their_account() -> None:
    one = statement(Principal={"AWS": ["main", "arn:iam:iam::main:user/ana"]})
    other = statement(Principal={"IAM": ["arn:iam:iam::main:user/ana", "arn:iam:iam::main:root"]})
    assert said(one) == said(other)
    assert said(statement(Principal="*")) == said(statement(Principal={"IAM": "*"}))
    assert said(statement(Principal={"Federated": "main"})) != said(
        statement(Principal={"Federated": "arn:iam:iam::main:root"})
    )


def test_conditions_compare_texts_so_true_is_true() -> None:
    one = statement(Condition={"Bool": {"iam:SecureTransport": True}})
    other = statement(Condition={"Bool": {"IAM:securetransport": ["true"]}})
    assert said(one) == said(other)
