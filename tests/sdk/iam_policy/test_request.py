from enum import StrEnum

import pytest

from iam_policy import Context, Layers, Principal, Request, evaluate
from tests.sdk.iam_policy.scenes import ALICE, BUCKET, document, policies, statement

HELD = {"StringEquals": {"iam:Team": "red"}, "Null": {"iam:Other": "true"}}
OWN = Layers(identity=policies(document(statement(Condition=HELD))))


def is_allowed(context: Context) -> bool:
    return evaluate(Request(ALICE, "s3:GetObject", BUCKET, context), OWN).allowed


def test_a_context_is_folded_once_and_serves_many_requests() -> None:
    context = Context({"IAM:team": "red"})
    assert context == {"iam:team": "red"}
    assert is_allowed(context)
    assert is_allowed(context)
    assert not is_allowed(Context())


def test_of_joined_contexts_the_last_one_wins() -> None:
    joined = Context.joined(Context({"iam:Team": "blue"}), Context({"IAM:TEAM": "red"}))
    assert joined == {"iam:team": "red"}
    assert is_allowed(joined)
    ambiguous = Context({"k": "x", "K": "y"})
    assert Context.joined(Context(), ambiguous).is_ambiguous


@pytest.mark.parametrize("filling", [0, 5])
def test_of_two_contexts_the_upper_one_wins(filling: int) -> None:
    upper = Context({"iam:Team": "red"} | {f"k{n}": "x" for n in range(filling)})
    lower = {"IAM:TEAM": "blue", "Other": "y", "more": "z"}
    joined = upper.over(lower)
    assert joined == {**upper, "other": "y", "more": "z"}
    assert upper.over(Context(lower)) == joined
    assert is_allowed(joined)
    assert "other" not in upper


def test_pe_25_a_context_that_was_ambiguous_stays_so() -> None:
    twice = {"iam:Team": "red", "IAM:team": "red"}
    assert Context(twice).is_ambiguous
    assert not is_allowed(Context(twice))
    assert not is_allowed(Context({"iam:Team": "red"}).over(twice))
    assert not is_allowed(Context(twice).over({"iam:Team": "red"}))


def test_a_member_of_an_enumeration_is_its_text() -> None:
    class Team(StrEnum):
        RED = "red"

    assert is_allowed(Context({"iam:Team": Team.RED}))
    five = {"StringEquals": {"iam:Team": ["a", "b", "c", "d", "red"]}}
    many = [statement(Condition={"StringEquals": {"iam:Team": f"t{n}"}}) for n in range(20)]
    found = Layers(identity=policies(document(*many, statement(Condition=five))))
    asked = Request(ALICE, "s3:GetObject", BUCKET, {"iam:Team": Team.RED})
    assert evaluate(asked, found).allowed


def test_a_request_is_equal_by_what_it_asks() -> None:
    assert Request(ALICE, "s3:x", BUCKET) == Request(ALICE, "s3:x", BUCKET, Context())
    assert Request(ALICE, "s3:x", BUCKET) != Request(Principal(None, None), "s3:x", BUCKET)
