from typing import Any

import pytest

from iam.errors import IamError
from iam.features.roles.rules import checked_trust_policy
from iam_policy import Limits

ALICE = "arn:iam:iam::main:user/alice"


def trust(principal: object, **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def refused(document: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(IamError) as caught:
        checked_trust_policy(document, Limits())
    assert caught.value.code == "policy_invalid"
    errors: list[dict[str, str]] = caught.value.detail["errors"]
    return errors


def test_a_trust_policy_that_names_somebody_is_accepted() -> None:
    assert len(checked_trust_policy(trust({"IAM": ALICE}), Limits()).statements) == 1


def test_pe_11_everybody_needs_a_condition() -> None:
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    for everybody in ("*", {"IAM": "*"}, {"AWS": [ALICE, "*"]}):
        (error,) = refused(trust(everybody))
        assert error["path"] == "$.Statement[0].Principal"
        checked_trust_policy(trust(everybody, Condition=condition), Limits())
        checked_trust_policy(trust(everybody, Effect="Deny"), Limits())


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
