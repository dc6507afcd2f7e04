"""Who gains and who loses, with examples, and what counts as widening."""

from copy import deepcopy
from typing import Any

import pytest

from iam.authz.holders import Source
from iam.errors import IamError
from iam.features.configuration.rules.grants import Comparison, statements_of
from iam.features.configuration.rules.words import effect_words, step_words
from iam_policy import DocumentKind
from tests.configurations import (
    EMPTY,
    SHOP,
    configured,
    document,
    effects,
    plan,
)
from tests.world import allow, deny, policy_document

INVOICES = "arn:iam:billing::main:invoice/*"
ONE = "arn:iam:billing::main:invoice/42"


def written(statement: Any) -> dict[str, Any]:
    return configured(policies={"read-invoices": {"document": document(statement)}})


def narrow(**more: Any) -> dict[str, Any]:
    return {**allow("billing:GetInvoice", on=ONE), **more}


WIDENING: dict[str, dict[str, Any]] = {
    "an Allow reaches more actions": written(allow("billing:*", on=INVOICES)),
    "an Allow reaches more resources": written(allow("billing:Get*")),
    "a policy is attached": configured(
        groups={"finance": {"policies": ["read-invoices", "at-most"]}}
    ),
    "somebody joins a group": configured(
        groups={"finance": {"members": ["user/ana", "service/billing"]}}
    ),
    "an inline policy comes": configured(
        users={"ana": {"inline_policies": {"x": document(allow("a:B"))}}}
    ),
    "a boundary is lifted": configured(services={"billing": {"permissions_boundary": None}}),
    "a boundary reaches further": configured(
        policies={"at-most": {"document": document(allow("*"))}}
    ),
    "a guardrail goes": configured(guardrails={"scp/keep-audit-log": {"targets": []}}),
    "a guardrail denies less": configured(
        guardrails={"scp/keep-audit-log": {"document": document(deny("audit:DeleteEvent"))}}
    ),
    "more may assume a role": configured(
        roles={
            "deploy": {
                "trust_policy": document(
                    {
                        "Effect": "Allow",
                        "Principal": {
                            "IAM": [
                                "arn:iam:iam::main:service/orders",
                                "arn:iam:iam::main:user/ana",
                            ]
                        },
                        "Action": "sts:AssumeRole",
                    }
                )
            }
        }
    ),
    "sessions last longer": configured(roles={"deploy": {"max_session_seconds": 7200}}),
    "a resource lets more in": configured(
        resource_policies={
            ONE: document({**allow("billing:PayInvoice"), "Principal": {"IAM": "main"}})
        }
    ),
}
NOT_WIDENING: dict[str, dict[str, Any]] = {
    "an Allow reaches less": written(narrow()),
    "an Allow gets a condition": written(
        {
            **allow("billing:Get*", on=INVOICES),
            "Condition": {"Bool": {"iam:SecureTransport": "true"}},
        }
    ),
    "a policy is detached": configured(groups={"finance": {"policies": []}}),
    "somebody leaves a group": configured(groups={"finance": {"members": []}}),
    "a boundary is put": configured(users={"ana": {"permissions_boundary": "at-most"}}),
    "a guardrail denies more": configured(
        guardrails={"scp/keep-audit-log": {"document": document(deny("audit:*"))}}
    ),
    "sessions are shorter": configured(roles={"deploy": {"max_session_seconds": 900}}),
    "a policy that nobody has": configured(policies={"new": {"document": document(allow("*"))}}),
    "words and owners": configured(
        groups={"finance": {"description": "x"}}, services={"orders": {"owner": "group/packers"}}
    ),
    "an action catalogue": configured(
        action_catalogues={
            "orders": {
                "owner": "service/orders",
                "actions": [{"name": "Pack", "access_level": "write"}],
            }
        }
    ),
    "tags that no policy decides by": configured(users={"ana": {"tags": {"team": "x"}}}),
}


@pytest.mark.parametrize("change", WIDENING)
def test_what_may_give_somebody_more_widens(change: str) -> None:
    found = plan(SHOP, WIDENING[change])
    assert found.widens
    assert any(effect.endswith("gains") for effect in effects(found))


@pytest.mark.parametrize("change", NOT_WIDENING)
def test_what_can_only_take_away_or_decides_nothing_does_not(change: str) -> None:
    found = plan(SHOP, NOT_WIDENING[change])
    assert found.steps
    assert not found.widens


def test_a_deny_that_goes_widens_and_one_that_comes_does_not() -> None:
    base = deepcopy(SHOP)
    base["groups"]["finance"]["inline_policies"] = {"no": document(deny("billing:GetInvoice"))}
    assert plan(base, configured(groups={"finance": {"inline_policies": {}}})).widens
    found = plan(SHOP, base)
    assert not found.widens
    (effect,) = found.effects
    assert effect.example is not None
    assert (effect.example.principal, effect.example.before) == ("user/ana", "allowed")


def test_tags_widen_where_any_policy_decides_by_tags() -> None:
    base = deepcopy(SHOP)
    by_tag = {"Condition": {"StringEquals": {"iam:PrincipalTag/team": "finance"}}}
    base["policies"]["read-invoices"]["document"] = document({**allow("billing:Get*"), **by_tag})
    change = configured(users={"ana": {"tags": {"team": "x"}}})
    assert plan(base, change).widens


def test_the_same_statements_by_another_policy_move_nothing() -> None:
    other = deepcopy(SHOP)
    other["policies"]["again"] = deepcopy(other["policies"]["read-invoices"])
    other["groups"]["finance"]["policies"] = ["again"]
    assert plan(SHOP, other).effects == ()


def test_each_gain_has_a_request_that_the_engine_decides_otherwise_afterwards() -> None:
    found = plan(SHOP, written(allow("billing:*", on=INVOICES)))
    told = {one.movement.subject: one for one in found.effects}
    example = told["group/finance"].example
    assert example is not None
    assert (example.principal, example.before, example.after) == ("user/ana", "denied", "allowed")
    assert example.action.startswith("billing:")
    assert example.resource == "arn:iam:billing::main:invoice/example"


def test_what_is_allowed_already_or_limited_has_no_example_and_still_widens() -> None:
    limited = configured(
        services={"billing": {"inline_policies": {"x": document(allow("warehouse:Get*"))}}}
    )
    found = plan(SHOP, limited)
    gains = [one for one in found.effects if one.movement.gains]
    assert found.widens
    assert [one.example for one in gains] == [None]
    assert "a limit stands in the way" in effect_words(gains[0])[1]


def test_a_condition_makes_it_conditional_in_the_example() -> None:
    change = configured(
        users={
            "ana": {
                "inline_policies": {
                    "x": document(
                        {
                            **allow("warehouse:Get*"),
                            "Condition": {"IpAddress": {"iam:SourceIp": "10.0.0.0/8"}},
                        }
                    )
                }
            }
        }
    )
    (effect,) = plan(SHOP, change).effects
    assert effect.example is not None
    assert effect.example.after == "conditional"
    assert "if iam:SourceIp IpAddress 10.0.0.0/8" in effect_words(effect)[0]


def test_whoever_is_deleted_loses_what_they_had() -> None:
    less = deepcopy(SHOP)
    del less["services"]["orders"], less["roles"], less["resource_policies"]
    found = plan(SHOP, less, prunes=True)
    assert not found.widens
    assert "role/deploy loses" in effects(found)


def test_the_words_of_a_plan_name_what_changes_and_who_gains() -> None:
    found = plan(SHOP, WIDENING["somebody joins a group"])
    assert [step_words(step) for step in found.steps] == [
        ("change group/finance", "members: + service/billing")
    ]
    (effect,) = found.effects
    assert effect_words(effect) == (
        (
            f"service/billing gains: billing:Get* on {INVOICES} by policy/read-invoices "
            "through group/finance"
        ),
        (
            "for example service/billing: billing:GetInvoice on "
            "arn:iam:billing::main:invoice/example: denied -> allowed"
        ),
    )


def test_a_new_deny_takes_nothing_from_those_who_are_new() -> None:
    fresh = configured(users={"new": {"inline_policies": {"x": document(deny("a:*"))}}})
    assert plan(EMPTY, fresh).effects == ()


def test_somebody_new_whose_tags_policies_wait_for_widens() -> None:
    waiting = {**allow("billing:Get*", on=ONE), "Principal": "*"}
    tagged = {"StringEquals": {"iam:PrincipalTag/team": "finance"}}
    account = configured(resource_policies={ONE: document({**waiting, "Condition": tagged})})
    fresh = configured(users={"eve": {"tags": {"team": "finance"}}})
    assert plan(account, fresh).widens
    assert not plan(account, configured(users={"eve": {}})).widens


def test_ds_03_statements_are_not_compared_without_end_and_what_was_not_counts_as_wider() -> None:
    def held(action: str) -> Any:
        source = Source("inline:x", policy_document(allow(action)))
        return statements_of(source, DocumentKind.IDENTITY)

    wide, same, other = held("a:*"), held("a:Get"), held("a:Put")
    comparison = Comparison(most=1)
    assert list(comparison.uncovered(same, wide)) == [None]
    assert list(comparison.uncovered(other, wide)) == [*other]
    assert list(comparison.uncovered(same, wide)) == [None], "what was told once is known"
    assert list(comparison.uncovered(other, held("a:Put"))) == [None], "the same words"


def test_ds_03_a_plan_by_which_more_moves_than_anybody_reads_is_refused() -> None:
    statements = [allow(f"a{number}:Get") for number in range(60)]
    users = {f"u{n}": {"inline_policies": {"x": document(*statements)}} for n in range(90)}
    with pytest.raises(IamError, match="apply it in parts"):
        plan(EMPTY, configured(users=users))
