"""What may have a policy, and what that may say."""

from typing import Any

import pytest

from iam.errors import IamError
from iam.features.resource_policies.rules import check_resource, checked_resource_policy
from iam_policy import Limits

INVOICE = "arn:iam:billing::main:invoice/42"
ALICE = "arn:iam:iam::main:user/alice"


def document(**members: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"IAM": ALICE},
        "Action": "billing:*",
        "Resource": INVOICE,
    }
    return {"Version": "2012-10-17", "Statement": [{**statement, **members}]}


@pytest.mark.parametrize(
    "resource",
    [
        INVOICE,
        "arn:iam:s3:::bucket",
        "arn:aws:sqs:eu-west-1:main:queue",
        "arn:iam:iam::main:user/alice",
        "arn:iam:shop::main:" + "a/" * 8 + "b",
    ],
)
def test_an_account_has_policies_on_its_own_resources(resource: str) -> None:
    check_resource(resource, account="main")


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "invoice/42",
        "arn:iam:billing::acme:invoice/42",
        "arn:iam:iam::iam:policy/ReadOnlyAccess",
        "arn:iam:billing::main:invoice/*",
        "arn:iam:billing::main:invoice/4?",
        "arn:iam:iam::main:role/deploy",
        "arn:iam:shop::main:" + "a/" * 9 + "b",
    ],
)
def test_other_names_are_refused(resource: str) -> None:
    with pytest.raises(IamError) as caught:
        check_resource(resource, account="main")
    assert caught.value.code == "resource_invalid"


@pytest.mark.parametrize("rest", ["../admin", "a%2fb", "a;b", "a//b", "a.", "a\u0000", "ﬁle"])
def test_pe_15_what_has_two_spellings_has_no_policy(rest: str) -> None:
    with pytest.raises(IamError):
        check_resource(f"arn:iam:shop::main:user/{rest}", account="main")


@pytest.mark.parametrize(
    "pattern", [INVOICE, f"{INVOICE}/*", f"{INVOICE}/lines/1", "*", f"{INVOICE}/${{iam:userid}}/*"]
)
def test_a_policy_speaks_about_its_resource_and_what_is_below(pattern: str) -> None:
    checked_resource_policy(document(Resource=pattern), INVOICE, Limits())


@pytest.mark.parametrize(
    "pattern", [f"{INVOICE}*", "arn:iam:billing::main:invoice/*", "arn:iam:s3:::bucket"]
)
def test_a_policy_that_speaks_about_others_is_refused(pattern: str) -> None:
    with pytest.raises(IamError) as caught:
        checked_resource_policy(document(Resource=[INVOICE, pattern]), INVOICE, Limits())
    assert caught.value.detail["errors"][0]["path"] == "$.Statement[0].Resource"


def test_pe_11_everybody_needs_a_condition() -> None:
    with pytest.raises(IamError) as caught:
        checked_resource_policy(document(Principal="*"), INVOICE, Limits())
    assert caught.value.detail["errors"][0]["path"] == "$.Statement[0].Principal"
    checked_resource_policy(document(Principal="*", Effect="Deny"), INVOICE, Limits())
    limited = {"StringEquals": {"iam:PrincipalTag/team": "billing"}}
    checked_resource_policy(document(Principal="*", Condition=limited), INVOICE, Limits())


def test_pe_14_nobody_is_let_in_by_exception() -> None:
    allowing = document(NotPrincipal={"IAM": ALICE})
    del allowing["Statement"][0]["Principal"]
    with pytest.raises(IamError) as caught:
        checked_resource_policy(allowing, INVOICE, Limits())
    assert caught.value.code == "policy_invalid"
