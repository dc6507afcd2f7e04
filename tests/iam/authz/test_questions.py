"""One action and one resource are told from everything else."""

import pytest

from iam.authz.questions import MAX_ACTION, MAX_RESOURCE, is_action, resource_defect

LONGEST = f"{'s' * 63}:{'V' * 64}"


@pytest.mark.parametrize("text", ["billing:GetInvoice", "S3:getobject", "a-b:C1", LONGEST])
def test_one_action_is_a_service_and_a_verb_in_any_case(text: str) -> None:
    assert is_action(text)
    assert len(text) <= MAX_ACTION


@pytest.mark.parametrize(
    "text",
    ["", "GetInvoice", "billing:", ":Get", "billing:*", "billing:Get?", "-a:B", "a:B\n", "a:b:c",
     "a.b:C", "\u212am:GetKey", "a:\u017fet", f"{LONGEST}V", f"s{LONGEST}"],
)  # fmt: skip
def test_a_wildcard_or_anything_else_is_no_action(text: str) -> None:
    assert not is_action(text)


@pytest.mark.parametrize("text", ["*", "arn:iam:billing::main:invoice/42", "arn:iam:s3:::b"])
def test_a_resource_is_a_canonical_arn_or_everything(text: str) -> None:
    assert resource_defect(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "at most 2048 characters"),
        ("a" * (MAX_RESOURCE + 1), "at most 2048 characters"),
        ("invoice/42", "six segments"),
        ("arn:iam:billing::main:a/../b", "dot"),
        ("**", "six segments"),
    ],
)
def test_what_is_wrong_with_a_resource_is_said(text: str, expected: str) -> None:
    assert expected in (resource_defect(text) or "")
