"""Principal elements: found, renamed, and nothing else touched."""

from typing import Any

from iam.features.principal_elements.rules import (
    Named,
    named_principals,
    stored_text,
    with_principals,
)

ALICE = "arn:iam:iam::main:user/alice"


def trust(principal: object, **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_every_named_principal_is_found_with_its_path() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": ALICE, "IAM": ["main"]},
                "Action": "sts:AssumeRole",
            },
        ],
    }
    assert list(named_principals(document)) == [
        Named("$.Statement[0].Principal", "IAM", "*"),
        Named("$.Statement[1].Principal.AWS", "AWS", ALICE),
        Named("$.Statement[1].Principal.IAM[0]", "IAM", "main"),
    ]


def test_names_are_replaced_where_principals_stand_and_nowhere_else() -> None:
    condition = {"StringEquals": {"iam:PrincipalArn": ALICE}}
    document = trust({"IAM": [ALICE, "main"], "Federated": ALICE}, Condition=condition)
    replaced = with_principals(document, {ALICE: "usr_1"})
    (statement,) = replaced["Statement"]
    assert statement["Principal"] == {"IAM": ["usr_1", "main"], "Federated": ALICE}
    assert statement["Condition"] == condition
    single = with_principals({**document, "Statement": statement}, {"usr_1": ALICE})
    assert single["Statement"]["Principal"]["IAM"] == [ALICE, "main"]
    assert with_principals(trust("*"), {"*": "x"}) == trust("*")


def test_the_stored_text_is_compact_and_keeps_characters_as_they_are() -> None:
    assert stored_text({"Id": "\u00fc", "n": [1]}) == '{"Id":"\u00fc","n":[1]}'


def test_who_is_excepted_is_named_and_renamed_as_well() -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"IAM": [ALICE]}, "Action": "*"}
    document = {"Version": "2012-10-17", "Statement": statement}
    assert list(named_principals(document)) == [
        Named("$.Statement.NotPrincipal.IAM[0]", "IAM", ALICE)
    ]
    replaced = with_principals(document, {ALICE: "usr_1"})
    assert replaced["Statement"]["NotPrincipal"] == {"IAM": ["usr_1"]}
