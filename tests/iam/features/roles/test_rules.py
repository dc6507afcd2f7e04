from typing import Any

import pytest

from iam.errors import IamError
from iam.features.roles.rules import (
    Named,
    checked_trust_policy,
    named_principals,
    stored_text,
    with_principals,
)

ALICE = "arn:iam:iam::main:user/alice"


def trust(principal: object, **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def refused(document: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(IamError) as caught:
        checked_trust_policy(document)
    assert caught.value.code == "policy_invalid"
    errors: list[dict[str, str]] = caught.value.detail["errors"]
    return errors


def test_a_trust_policy_that_names_somebody_is_accepted() -> None:
    assert len(checked_trust_policy(trust({"IAM": ALICE})).statements) == 1


def test_pe_11_everybody_needs_a_condition() -> None:
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    for everybody in ("*", {"IAM": "*"}, {"AWS": [ALICE, "*"]}):
        (error,) = refused(trust(everybody))
        assert error["path"] == "$.Statement[0].Principal"
        checked_trust_policy(trust(everybody, Condition=condition))
        checked_trust_policy(trust(everybody, Effect="Deny"))


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (trust({"IAM": ALICE}, Action="iam:GetUser"), "$.Statement[0].Action"),
        (trust({"IAM": ALICE}, Action=["sts:AssumeRole", "*"]), "$.Statement[0].Action"),
        (trust({"IAM": ALICE}, Resource="*"), "$.Statement[0].Resource"),
        (trust({"IAM": ALICE}, Effect="allow"), "$.Statement[0].Effect"),
        (trust({"Nobody": ALICE}), "$.Statement[0].Principal.Nobody"),
        (trust({"IAM": [ALICE, "user/alice"]}), "$.Statement[0].Principal.IAM[1]"),
        ({"Version": "2012-10-17", "Statement": []}, "$.Statement"),
        ({"Version": "2012-10-17"}, "$.Statement"),
        ({"Version": "2012-10-17", "Statement": {}, "Owner": "me"}, "$.Owner"),
        (trust({"IAM": ALICE}, Sid="\u2028"), "$"),
    ],
)
def test_pe_21_defects_are_told_with_their_json_path(document: dict[str, Any], path: str) -> None:
    assert path in {error["path"] for error in refused(document)}


def test_pe_14_nobody_is_let_in_by_exception() -> None:
    statement = {"Effect": "Allow", "NotPrincipal": {"IAM": ALICE}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": statement}
    assert refused(document)[0]["path"] == "$.Statement.NotPrincipal"


def test_pe_28_a_trust_policy_has_at_most_2048_characters() -> None:
    assert refused(trust({"IAM": [f"{ALICE}{number}" for number in range(100)]}))


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
