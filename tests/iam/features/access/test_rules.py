"""What is said of somebody without knowing the circumstances, held against decisions in some."""

import json
import random  # noqa: TID251 -- seeded: the same documents in every run
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from iam.authz.context import principal_context
from iam.authz.facts import decide
from iam.authz.holders import Holder, PrincipalRecord, Source, holder
from iam.authz.surroundings import NOTHING, Surroundings, policy_set, resource_set
from iam.errors import IamError
from iam.features.access.rules import (
    Question,
    Reach,
    Verdict,
    check_question,
    naming_paths,
    standing,
)
from iam_policy import DocumentKind, PolicySet
from tests.iam.features.access.documents import READ, random_context, random_statement
from tests.world import NOON, Statement, allow, deny, policy_document

INVOICE = "arn:iam:billing::main:invoice/42"
ROUNDS = 400


def somebody(
    *statements: Statement,
    boundary: Sequence[Statement] | None = None,
    name: str = "alpha",
    tags: dict[str, str] | None = None,
) -> Holder:
    record = PrincipalRecord(
        id="svc_1", account="main", kind="service", path="/", name=name, status="active",
        tags=tags or {}, principal_epoch=1, boundary_policy_id=None, trust_policy=None,
    )  # fmt: skip
    limit = None if boundary is None else Source("limit", policy_document(*boundary))
    own = Source("inline:own", policy_document(*statements))
    return holder(record, [own], limit, account_is_active=True, partition="iam")


def ask(who: Holder, around: Surroundings = NOTHING, resource: str = INVOICE) -> Any:
    return Question(READ, resource, around, NOON).answer(who)


def is_allowed(who: Holder, context: dict[str, Any], around: Surroundings, resource: str) -> bool:
    keys = principal_context(who.facts, now=NOON).over(context)
    return decide(who.facts, action=READ, resource=resource, context=keys, around=around).allowed


def random_surroundings(chance: random.Random, who: Holder) -> Surroundings:
    scps: tuple[PolicySet, ...] = ()
    if chance.random() < 0.3:
        text = policy_document(allow("*"), {**random_statement(chance)})
        scps = (policy_set([("stop", text)], DocumentKind.SCP),)
    policy = None
    if chance.random() < 0.5:
        named = chance.choice([{"IAM": who.facts.arn}, {"IAM": "main"}, "*"])
        grant = {**random_statement(chance), "Principal": named}
        policy = resource_set({INVOICE: json.dumps({"Version": "2012-10-17", "Statement": grant})})
    return Surroundings(scps, (), policy)


def test_what_is_sure_holds_in_all_circumstances_and_who_is_not_named_may_in_none() -> None:
    chance = random.Random(7)  # noqa: S311 -- no secret
    seen: Counter[str] = Counter()
    for _ in range(ROUNDS):
        statements = [random_statement(chance) for _ in range(chance.randint(1, 3))]
        limit = [random_statement(chance), allow(READ)] if chance.random() < 0.3 else None
        tags = {"team": "alpha"} if chance.random() < 0.5 else None
        who = somebody(*statements, boundary=limit, tags=tags, name=chance.choice(["alpha", "42"]))
        around = random_surroundings(chance, who)
        resource = chance.choice([INVOICE, "arn:iam:billing::main:invoice/alpha", "*"])
        access = ask(who, around, resource)
        verdict = None if access is None else access.verdict
        seen[str(verdict)] += 1
        for _ in range(8):
            context = random_context(chance)
            decided = is_allowed(who, context, around, resource)
            about = f"{verdict}, decided {decided} in {context}: {statements} {limit} {around}"
            assert verdict is Verdict.CONDITIONAL or decided == (verdict is Verdict.ALLOWED), about
        if access is not None:
            assert access.paths
            conditions = [one for path in access.paths + access.limits for one in path.conditions]
            assert verdict is Verdict.ALLOWED or conditions
    assert min(seen.values()) > ROUNDS / 20  # each of the three was held


@pytest.mark.parametrize(
    ("on", "verdict"),
    [("invoice/${iam:username}", None), ("invoice/${billing:Number}", Verdict.CONDITIONAL),
     ("invoice/${billing:Number, '42'}", Verdict.CONDITIONAL), ("${*}/42", None),
     ("order/${billing:Number}", None), ("invoice/${iam:PrincipalTag/none, '42'}", "allowed")],
)  # fmt: skip
def test_a_variable_of_the_request_may_stand_for_anything(on: str, verdict: str | None) -> None:
    access = ask(somebody(allow(READ, on=f"arn:iam:billing::main:{on}")))
    assert (None if access is None else access.verdict) == verdict


def test_a_deny_with_an_unknown_variable_may_apply_and_may_not() -> None:
    closed = deny(READ, on="arn:iam:billing::main:invoice/${billing:Closed}")
    access = ask(somebody(allow(READ), closed))
    assert access.verdict is Verdict.CONDITIONAL
    (limit,) = access.limits
    assert limit.statement.effect == "Deny"


def test_an_allow_of_the_boundary_that_may_not_hold_is_named_as_a_limit() -> None:
    inside = {**allow(READ), "Condition": {"Bool": {"iam:MultiFactorAuthPresent": "true"}}}
    access = ask(somebody(allow(READ), boundary=[inside]))
    assert access.verdict is Verdict.CONDITIONAL
    (limit,) = access.limits
    assert (limit.policy, limit.conditions[0].key) == ("limit", "iam:MultiFactorAuthPresent")


def test_a_defective_policy_keeps_its_holder_out() -> None:
    who = somebody(allow("*"))
    record = PrincipalRecord("svc_1", "main", "service", "/", "a", "active", {}, 1, None, None)
    sources = [*who.sources, Source("inline:x", "{")]
    damaged = holder(record, sources, None, account_is_active=True, partition="iam")
    assert damaged.facts.identity.findings
    assert ask(damaged) is None


@pytest.mark.parametrize("resource", ["arn:iam:billing::acme:invoice/1", "invoice", "arn:a:b:c"])
def test_only_what_is_the_accounts_own_can_be_asked_about(resource: str) -> None:
    with pytest.raises(IamError):
        check_question(READ, resource, account="main")
    check_question(READ, "arn:iam:iam::iam:policy/ReadOnlyAccess", account="main")


@pytest.mark.parametrize(
    ("boundary", "reach"),
    [([allow("shop:*")], Reach.FULL), ([allow("shop:*"), deny(READ)], Reach.NOTHING)],
)
def test_who_is_named_by_the_policy_of_a_resource_needs_no_allow_of_the_boundary(
    boundary: list[Statement], reach: Reach
) -> None:
    who = somebody(allow("shop:*"), boundary=boundary)
    named = {**allow(READ, on=INVOICE), "Principal": {"IAM": who.facts.arn}}
    policies = resource_set({INVOICE: policy_document(named)})
    assert policies is not None
    (path,) = naming_paths(policies, who.facts)
    assert standing(who, NOTHING, [path]).grant(path).reach is reach
    answer = ask(who, Surroundings(resource=policies))
    assert (answer is not None) is (reach is Reach.FULL)  # as it is decided
