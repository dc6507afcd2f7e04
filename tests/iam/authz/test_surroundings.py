"""What stands around a decision: levels that cost nothing, and whose policy reaches what."""

import gc
import json
import weakref

import pytest

from iam.authz.surroundings import (
    NOTHING,
    Attached,
    Guardrails,
    Surroundings,
    at_or_above,
    is_assuming,
    owning_account,
    policy_set,
)
from iam.features.guardrails.rules import FULL_ACCESS_DOCUMENT
from iam.models import FULL_ACCESS
from iam_policy import EMPTY, DocumentKind, PolicySet

DENY = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "a:B", "Resource": "*"}}


def full(kind: str, level: str) -> Attached:
    return Attached(kind, level, FULL_ACCESS, FULL_ACCESS, json.dumps(FULL_ACCESS_DOCUMENT[kind]))


def denying(kind: str, level: str) -> Attached:
    return Attached(kind, level, "deny", "deny", json.dumps(DENY))


ALL = [full(kind, level) for kind in ("scp", "rcp") for level in ("installation", "account/main")]


def labels(levels: tuple[PolicySet, ...]) -> list[list[str]]:
    return [[label for label, _ in level.policies] for level in levels]


def test_where_only_full_access_stands_there_is_nothing() -> None:
    assert Guardrails(ALL).around("main", "main") is NOTHING
    assert Guardrails(ALL).around("main", "elsewhere") is NOTHING


def test_a_level_is_there_once_something_else_is() -> None:
    found = Guardrails([*ALL, denying("scp", "account/main"), denying("rcp", "installation")])
    around = found.around("main", "acme")
    assert labels(around.scps) == [[FULL_ACCESS, "deny"]]
    assert labels(around.rcps) == [[FULL_ACCESS, "deny"]]


def test_an_account_without_guardrails_for_its_principals_is_allowed_nothing() -> None:
    assert Guardrails(ALL).around("acme", "main") == Surroundings(scps=(EMPTY,))
    detached = [one for one in ALL if (one.kind, one.level) != ("scp", "installation")]
    assert labels(Guardrails(detached).around("main", "main").scps) == [[]]


def test_full_access_for_resources_needs_no_attachment() -> None:
    found = Guardrails([full("scp", "account/main"), denying("rcp", "account/main")])
    assert labels(found.around("main", "main").rcps) == [[FULL_ACCESS, "deny"]]


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        ("arn:iam:billing::acme:invoice/42", "acme"),
        ("arn:iam:s3:::bucket/key", "main"),
        ("*", "main"),
        ("arn:iam:iam::iam:policy/ReadOnlyAccess", "main"),
        ("arn:iam:iam::iam:user/x", "iam"),
    ],
)
def test_whose_a_resource_is(resource: str, owner: str) -> None:
    assert owning_account(resource, "main") == owner


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("*", ["*"]),
        ("arn:iam:s3:::b", ["arn:iam:s3:::b"]),
        ("arn:iam:s3:::b/c/d", ["arn:iam:s3:::b", "arn:iam:s3:::b/c", "arn:iam:s3:::b/c/d"]),
    ],
)
def test_a_policy_reaches_its_resource_and_what_is_below(
    resource: str, expected: list[str]
) -> None:
    assert list(at_or_above(resource)) == expected


@pytest.mark.parametrize("slashes", [7, 8, 9, 10, 100])
def test_ds_03_a_deep_name_has_no_more_above_it_than_a_policy_can_have(slashes: int) -> None:
    resource = "arn:iam:s3:::" + "a/" * slashes + "b"
    found = list(at_or_above(resource))
    assert len(found) == min(slashes + 1, 9)
    assert (found[-1] == resource) is (slashes <= 8)


def test_pe_16_the_actions_of_trust_policies_have_no_case() -> None:
    assert is_assuming("sts:AssumeRole")
    assert is_assuming("STS:ASSUMEROLE")
    assert not is_assuming("sts:GetServiceBearerToken")
    assert not is_assuming("iam:AssumeRole")


def test_policies_are_indexed_once_for_all_who_have_them_and_forgotten_with_the_last() -> None:
    written = [("only-here", json.dumps(DENY))]
    held = policy_set(written, DocumentKind.IDENTITY)
    assert policy_set(written, DocumentKind.IDENTITY) is held
    assert policy_set(written, DocumentKind.BOUNDARY) is not held
    last = weakref.ref(held)
    del held
    gc.collect()
    assert last() is None
