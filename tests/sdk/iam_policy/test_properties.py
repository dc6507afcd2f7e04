"""Random policies and questions: the engine against a plain evaluator, and its laws.

The long profile, ``pytest -m long tests/sdk/iam_policy``, compares 225,000 decisions and more.
"""

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from iam_policy import (
    DocumentKind,
    Layers,
    PolicySet,
    Principal,
    Request,
    build_set,
    compile_policy,
    evaluate,
    explain,
    nearest_miss,
)
from tests.sdk.iam_policy import reference
from tests.sdk.iam_policy.reference import Document, Policies, Question
from tests.sdk.iam_policy.scenes import sifting

A, B = "111122223333", "444455556666"
USR = "usr_" + "0" * 25 + "1"
ACTIONS = ["s3:GetObject", "s3:PutObject", "S3:getobject", "iam:GetUser", "sts:AssumeRole"]
ACTION_PATTERNS = ["*", "s3:*", "s3:Get*", "s3:GetObject", "S3:G?tObject", "iam:*", "iam:GetUser"]
RESOURCES = [
    "arn:aws:s3:::b/alice/x",
    "arn:aws:s3:::b/bob",
    "arn:aws:s3:::b/a*",
    "arn:aws:iam::111122223333:user/alice",
    "*",
]
RESOURCE_PATTERNS = [
    "*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/alice/x",
    "arn:aws:s3:::*/x",
    "arn:aws:s3:::b/${aws:username}*",
    "arn:aws:s3:::b/${aws:username, 'bob'}",
    "arn:aws:s3:::b/???",
    "arn:aws:s3:::?/*l?ce*",
    "arn:aws:iam::*:user/alice",
    "arn:aws:s3:::b/a${*}",
]
KEYS = ["aws:username", "aws:SourceArn", "aws:TagKeys", "x:n", "x:flag", "aws:SourceIp"]
VALUES = ["alice", "ALICE", "bob", "a*", "", "10", "9.5", "true", "10.0.0.1", "10.1.2.3"]
ARNS = ["arn:aws:s3:::b/alice/x", "arn:aws:iam::1:user/alice", "arn:aws:iam::*:user/*"]
PATTERNS = ["${aws:username}", "${aws:username, 'bob'}", "a${*}", "*", "al*", "*i*", "?l*c?", "*ce"]
CALLERS = [
    (f"arn:aws:iam::{A}:user/alice", A, USR),
    (f"arn:aws:iam::{A}:root", A, None),
    (f"arn:aws:sts::{A}:assumed-role/app/s1", A, None),
    (f"arn:aws:sts::{A}:federated-user/alice", A, None),
    ("ec2.amazonaws.com", None, None),
    (None, None, None),
]
PRINCIPALS: list[Any] = [
    "*",
    {"AWS": A},
    {"AWS": f"arn:aws:iam::{A}:root"},
    {"AWS": f"arn:aws:iam::{A}:user/alice"},
    {"IAM": [USR]},
    {"AWS": [f"arn:aws:iam::{A}:role/team/app"]},
    {"AWS": f"arn:aws:sts::{A}:assumed-role/app/s1"},
    {"AWS": f"arn:aws:sts::{A}:federated-user/alice"},
    {"Service": "ec2.amazonaws.com"},
    {"AWS": [f"arn:aws:iam::{B}:user/bob", f"arn:aws:iam::{A}:user/alice"]},
    {"AWS": [A, f"arn:aws:iam::{A}:role/app", f"arn:aws:sts::{A}:assumed-role/app/s1"]},
]


def some(values: list[Any]) -> SearchStrategy[Any]:
    one = st.sampled_from(values)
    return one | st.lists(one, min_size=1, max_size=3)


def operators(*names: str) -> SearchStrategy[str]:
    sets = st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"])
    suffix = st.sampled_from(["", "", "IfExists"])
    return st.builds("{}{}{}".format, sets, st.sampled_from(names), suffix)


def clause(names: SearchStrategy[str], values: list[Any]) -> SearchStrategy[Document]:
    keys = st.dictionaries(st.sampled_from(KEYS), some(values), min_size=1, max_size=2)
    return st.builds(lambda name, found: {name: found}, names, keys)


CLAUSES = st.one_of(
    clause(
        operators(
            "StringEquals",
            "StringNotEquals",
            "StringLike",
            "StringNotLike",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
        ),
        [*VALUES, *PATTERNS],
    ),
    clause(
        operators(
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ),
        ["10", "9.5", 10, "-3", "11"],
    ),
    clause(
        operators(
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ),
        ["1970-01-01T00:00:10Z", "9", "10", "2026-11"],
    ),
    clause(operators("BinaryEquals"), ["alice000", "MTAK", "true"]),
    clause(operators("IpAddress", "NotIpAddress"), ["10.0.0.0/24", "10.0.0.1", "2001:db8::/32"]),
    clause(operators("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), ARNS),
    clause(operators("Bool"), ["true", False]),
    clause(st.just("Null"), ["true", "false", True]),
)


@st.composite
def statements(draw: st.DrawFn, kind: DocumentKind) -> Document:
    negated_action, negated_resource = (draw(st.integers(0, 4)) == 0 for _ in range(2))
    one: Document = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    one["NotAction" if negated_action else "Action"] = draw(some(ACTION_PATTERNS))
    if kind is not DocumentKind.TRUST:
        patterns = draw(some(RESOURCE_PATTERNS))
        one["NotResource" if negated_resource else "Resource"] = patterns
    if kind in {DocumentKind.RESOURCE, DocumentKind.TRUST}:
        negated = kind is DocumentKind.RESOURCE and draw(st.integers(0, 4)) == 0
        choice = PRINCIPALS[1:] if negated else PRINCIPALS
        one["NotPrincipal" if negated else "Principal"] = draw(st.sampled_from(choice))
    if draw(st.integers(0, 2)) == 0:
        one["Condition"] = draw(CLAUSES)
    return one


def documents(kind: DocumentKind) -> SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {"Statement": st.lists(statements(kind), min_size=1, max_size=4)},
        optional={"Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"])},
    )


def layer(kind: DocumentKind) -> SearchStrategy[list[Document]]:
    return st.lists(documents(kind), max_size=3)


def levels(kind: DocumentKind) -> SearchStrategy[list[list[Document]]]:
    wide: Document = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    level = st.lists(documents(kind), max_size=1).map(lambda found: [wide, *found])
    return st.lists(level | st.lists(documents(kind), max_size=1), max_size=2)


def sets_of_policies() -> SearchStrategy[Policies]:
    common = {
        "identity": layer(DocumentKind.IDENTITY),
        "boundary": st.none() | layer(DocumentKind.BOUNDARY),
        "sessions": st.none() | layer(DocumentKind.SESSION),
        "scps": levels(DocumentKind.SCP),
        "rcps": levels(DocumentKind.RCP),
    }
    return st.one_of(
        st.builds(
            Policies,
            resource=st.none() | layer(DocumentKind.RESOURCE).map(lambda d: d[:1]),
            **common,
        ),
        st.builds(
            Policies,
            resource=layer(DocumentKind.TRUST).map(lambda d: d[:1]),
            required=st.just(True),
            **common,
        ),
    )


def questions() -> SearchStrategy[list[Question]]:
    """Every caller, action and resource, under one drawn context and for one drawn owner.

    Drawing costs more than deciding, so each drawn set of policies answers many questions.
    """
    value = st.sampled_from([*VALUES, *ARNS[:2], True, 10])
    context = st.dictionaries(
        st.sampled_from([*KEYS[1:], "AWS:UserName"]),
        value | st.lists(st.sampled_from(VALUES), max_size=3),
        max_size=4,
    )
    return st.builds(
        lambda owner, found: [
            Question(arn, account, action, resource, owner, found, identifier)
            for arn, account, identifier in CALLERS
            for action, resource in product(ACTIONS[1:4], RESOURCES)
        ],
        st.sampled_from([A, A, A, B]),
        context,
    )


def compiled(found: list[Document], kind: DocumentKind) -> PolicySet:
    return build_set(
        (f"p{place}", compile_policy(json.dumps(one), kind, imported=True))
        for place, one in enumerate(found)
    )


def layers_of(policies: Policies) -> Layers:
    kind = DocumentKind.TRUST if policies.required else DocumentKind.RESOURCE
    boundary, sessions, resource = policies.boundary, policies.sessions, policies.resource
    return Layers(
        identity=compiled(policies.identity, DocumentKind.IDENTITY),
        boundary=None if boundary is None else compiled(boundary, DocumentKind.BOUNDARY),
        sessions=None if sessions is None else compiled(sessions, DocumentKind.SESSION),
        resource=None if resource is None else compiled(resource, kind),
        scps=tuple(compiled(level, DocumentKind.SCP) for level in policies.scps),
        rcps=tuple(compiled(level, DocumentKind.RCP) for level in policies.rcps),
        resource_policy_required=policies.required,
    )


def with_layer(policies: Policies, place: str, found: list[Any]) -> Policies:
    changes: dict[str, Any] = {place: found}
    return replace(policies, **changes)


def request_of(question: Question) -> Request:
    caller = Principal(question.arn, question.account, question.identifier)
    return Request(caller, question.action, question.resource, question.context, question.owner)


def check_agreement(asked: list[Question], policies: Policies) -> None:
    layers, sifted = layers_of(policies), layers_of(policies)
    for question in asked:
        decision = evaluate(request_of(question), layers)
        assert not decision.findings
        with sifting():
            assert evaluate(request_of(question), sifted) == decision
        assert decision.effect == reference.decide(question, policies)
        assert (decision.blocked_by is None) == decision.allowed
        if not decision.matched:
            is_root = question.arn == f"arn:aws:iam::{A}:root"
            assert decision.effect == "implicitDeny" or is_root


def check_laws(asked: list[Question], policies: Policies, extra: Document, place: str) -> None:
    """PE-35: one more Allow never takes access away, one more Deny never gives any."""
    found = getattr(policies, place) or []
    # Attaching a first boundary or session policy limits; a statement added to one does not.
    base = layers_of(with_layer(policies, place, found))
    for effect in ("Allow", "Deny"):
        document = {"Version": "2012-10-17", "Statement": [{**extra, "Effect": effect}]}
        more = layers_of(with_layer(policies, place, [*found, document]))
        for question in asked:
            before = evaluate(request_of(question), base).allowed
            after = evaluate(request_of(question), more).allowed
            assert after >= before if effect == "Allow" else after <= before


def check_order(asked: list[Question], policies: Policies) -> None:
    """Neither the order of statements nor that of documents matters."""
    turned = replace(
        policies,
        identity=backwards(policies.identity),
        boundary=None if policies.boundary is None else backwards(policies.boundary),
        sessions=None if policies.sessions is None else backwards(policies.sessions),
        resource=None if policies.resource is None else backwards(policies.resource),
        scps=[backwards(level) for level in policies.scps],
        rcps=[backwards(level) for level in policies.rcps],
    )
    straight, reverse = layers_of(policies), layers_of(turned)
    for question in asked:
        one, other = (evaluate(request_of(question), each) for each in (straight, reverse))
        assert (one.effect, one.blocked_by) == (other.effect, other.blocked_by)


def backwards(found: list[Document]) -> list[Document]:
    many = [one["Statement"] for one in found]
    turned = [one[::-1] if isinstance(one, list) else one for one in many]
    pairs = zip(found, turned, strict=True)
    return [{**one, "Statement": statements} for one, statements in pairs][::-1]


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(FEW, max_examples=2_500)  # of 90 questions each: 225,000 pairs
PLACES = st.sampled_from(["identity", "boundary", "sessions"])


@FEW
@given(questions(), sets_of_policies())
def test_the_engine_agrees_with_a_plain_evaluator(
    asked: list[Question], policies: Policies
) -> None:
    check_agreement(asked, policies)


@FEW
@given(questions(), sets_of_policies(), statements(DocumentKind.IDENTITY), PLACES)
def test_pe_35_allow_never_takes_and_deny_never_gives(
    asked: list[Question], policies: Policies, extra: Document, place: str
) -> None:
    check_laws(asked, policies, extra, place)


@settings(FEW, max_examples=20)
@given(questions(), sets_of_policies())
def test_order_never_matters(asked: list[Question], policies: Policies) -> None:
    check_order(asked, policies)


@pytest.mark.parametrize("place", ["identity", "boundary", "sessions", "resource", "rcps"])
@settings(FEW, max_examples=10)
@given(questions(), sets_of_policies())
def test_pe_09_a_deny_of_everything_wins_in_any_layer(
    place: str, asked: list[Question], policies: Policies
) -> None:
    deny: Document = {"Effect": "Deny", "Action": "*"}
    if place != "resource" or not policies.required:
        deny["Resource"] = "*"
    if place == "resource":
        deny["Principal"] = "*"
    extra: Any = [{"Statement": [deny]}] if place == "rcps" else {"Statement": [deny]}
    more = with_layer(policies, place, [*(getattr(policies, place) or []), extra])
    layers = layers_of(more)
    for question in asked:
        assert evaluate(request_of(question), layers).effect == "explicitDeny"


@settings(FEW, max_examples=10)
@given(questions(), sets_of_policies())
def test_an_explanation_holds_every_statement_that_decided(
    asked: list[Question], policies: Policies
) -> None:
    layers = layers_of(policies)
    for question in asked:
        found = explain(request_of(question), layers)
        applying = {trace.match for trace in found.traces if trace.applies}
        assert set(found.decision.matched) <= applying
        assert all((trace.failed_on is None) == trace.applies for trace in found.traces)
        miss = nearest_miss(found)
        if miss is not None:
            assert (miss.match.layer, miss.match.effect) == (found.decision.blocked_by, "Allow")
            assert miss.failed == miss.trace.failed != ()


@pytest.mark.long
@MANY
@given(questions(), sets_of_policies(), statements(DocumentKind.IDENTITY), PLACES)
def test_pe_35_and_agreement_over_many_random_sets(
    asked: list[Question], policies: Policies, extra: Document, place: str
) -> None:
    check_agreement(asked, policies)
    check_laws(asked, policies, extra, place)
    check_order(asked, policies)
