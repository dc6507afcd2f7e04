"""Patterns held against patterns, and against the texts they match."""

from fnmatch import translate
from itertools import product
from re import fullmatch

import pytest

from iam.authz.overlaps import covers, overlap, pattern_covers, patterns_overlap
from iam_policy import DocumentKind, compile_policy
from iam_policy.compile import CompiledStatement
from tests.world import Statement, allow, policy_document

PATTERNS = ["".join(one) for size in range(4) for one in product("ab*?", repeat=size)]
TEXTS = ["".join(one) for size in range(5) for one in product("abc", repeat=size)]


def texts_of(pattern: str) -> set[str]:
    form = translate(pattern)
    return {text for text in TEXTS if fullmatch(form, text)}


def test_overlapping_patterns_are_those_that_share_a_text() -> None:
    matched = {pattern: texts_of(pattern) for pattern in PATTERNS}
    for one, other in product(PATTERNS, PATTERNS[::3]):
        shared = bool(matched[one] & matched[other])
        assert patterns_overlap(one, other) == shared, f"{one} {other}"
        if pattern_covers(one, other):
            assert matched[other] <= matched[one], f"{one} {other}"


@pytest.mark.parametrize(
    ("one", "other"), [("*", "a*b"), ("a*", "ab*"), ("a?c", "abc"), ("a*", "a?"), ("*b*", "abc*")]
)
def test_what_is_wider_covers_what_is_narrower(one: str, other: str) -> None:
    assert pattern_covers(one, other)
    assert not pattern_covers(other, one)


def test_long_patterns_are_told_quickly_and_carefully() -> None:
    hostile = "*a" * 1_000
    assert patterns_overlap(hostile, hostile + "*b")
    assert not pattern_covers(hostile, "*b" * 1_000)


def only(statement: Statement) -> CompiledStatement:
    (found,) = compile_policy(policy_document(statement), DocumentKind.IDENTITY).statements
    return found


NOT_IAM = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
NOT_SHOP = {
    "Effect": "Allow", "Action": "*", "NotResource": "arn:iam:shop:::*",
}  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "do_overlap", "does_cover"),
    [
        (allow("*"), allow("billing:Get*", on="arn:iam:billing::main:invoice/*"), True, True),
        (allow("billing:*"), allow("billing:Get*", "iam:Get*"), True, False),
        (allow("billing:*", on="arn:iam:billing:::a"), allow("billing:*"), True, False),
        (allow("shop:*"), allow("billing:*"), False, False),
        (NOT_IAM, allow("iam:GetUser"), False, False),
        (NOT_IAM, allow("billing:*"), True, True),
        (NOT_IAM, allow("*"), True, False),
        (allow("*"), NOT_IAM, True, True),
        (allow("iam:Get*"), NOT_IAM, False, False),
        (NOT_IAM, NOT_IAM, True, True),
        (NOT_SHOP, allow("shop:*", on="arn:iam:shop:::order"), False, False),
        (
            allow("*", on="arn:iam:shop:::${iam:username}"),
            allow("*", on="arn:iam:shop:::order"),
            True,
            False,
        ),
        (
            allow("*", on="arn:iam:shop:::*"),
            allow("*", on="arn:iam:shop:::${iam:username}"),
            True,
            True,
        ),
    ],
)
def test_statements_are_compared_by_actions_and_resources(
    one: Statement, other: Statement, *, do_overlap: bool, does_cover: bool
) -> None:
    assert overlap(only(one), only(other)) is do_overlap
    assert covers(only(one), only(other)) is does_cover
