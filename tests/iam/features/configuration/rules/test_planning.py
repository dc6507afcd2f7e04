"""The steps from one state to another."""

from copy import deepcopy
from typing import Any

import pytest

from iam.errors import IamError
from iam.features.configuration.rules.exporting import exported
from tests.configurations import EMPTY, SHOP, configured, document, plan, state, steps
from tests.world import allow


def test_what_is_new_is_made_in_the_order_in_which_it_is_needed() -> None:
    made = steps(plan(EMPTY, SHOP))
    assert made == [
        "create policy/at-most",
        "create policy/read-invoices",
        "create group/finance",
        "create group/packers",
        "create user/ana",
        "create service/billing",
        "create service/orders",
        "create role/deploy",
        "create action-catalogue/billing",
        "create resource-policy/arn:iam:billing::main:invoice/42",
        "create guardrail/scp/keep-audit-log",
    ]


def test_applied_again_it_changes_nothing() -> None:
    again = plan(SHOP, SHOP)
    assert (again.steps, again.effects, again.adopted) == ((), (), ())


def test_an_export_applied_changes_nothing_and_is_the_same_each_time() -> None:
    account = state(SHOP)
    found = exported(account, name="shop", sections=frozenset())
    assert plan(account, found).steps == ()
    assert str(exported(state(found), name="shop", sections=frozenset())) == str(found)
    assert list(found) == [
        "configuration", "policies", "groups", "users", "services", "roles", "action_catalogues",
        "resource_policies", "guardrails",
    ]  # fmt: skip
    assert list(exported(account, name="x", sections=frozenset({"groups"}))) == ["configuration"]


def test_a_role_is_made_after_the_new_roles_that_it_trusts() -> None:
    def trusting(name: str) -> dict[str, Any]:
        principal = {"IAM": f"arn:iam:iam::main:{name}"}
        one = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        return {"trust_policy": document(one)}

    roles = {"a": trusting("role/b"), "b": trusting("role/c"), "c": trusting("user/ana")}
    made = steps(plan(EMPTY, configured(roles=roles, users={"ana": {}})))
    assert made == ["create user/ana", "create role/c", "create role/b", "create role/a"]


def test_only_what_is_mentioned_changes_and_lists_are_meant_exactly() -> None:
    found = plan(SHOP, configured(groups={"finance": {"description": "new"}}))
    (step,) = found.steps
    assert [one.attribute for one in step.changes] == ["description"]
    found = plan(SHOP, configured(groups={"finance": {"policies": []}}))
    (change,) = found.steps[0].changes
    assert (change.before, change.after) == (["read-invoices"], [])


def test_a_document_that_says_the_same_otherwise_is_no_change() -> None:
    other = document(allow("BILLING:get*", on="arn:iam:billing::main:invoice/*"))
    other["Statement"] = other["Statement"][0]
    assert plan(SHOP, configured(policies={"read-invoices": {"document": other}})).steps == ()


def test_nothing_is_deleted_without_prune_and_with_it_only_what_is_managed() -> None:
    less = deepcopy(SHOP)
    del less["roles"], less["guardrails"], less["groups"]["packers"], less["services"]["orders"]
    del less["resource_policies"]
    assert plan(SHOP, less).steps == ()
    assert steps(plan(SHOP, less, prunes=True)) == [
        "delete guardrail/scp/keep-audit-log",
        "delete resource-policy/arn:iam:billing::main:invoice/42",
        "delete role/deploy",
        "delete service/orders",
        "delete group/packers",
    ]
    assert plan(state(SHOP, managed_by=None), less, prunes=True).steps == ()


def test_what_is_still_needed_is_not_deleted() -> None:
    nothing = configured()
    account = state(SHOP)
    kept = {key: name for key, name in account.owners.items() if key.name != "finance"}
    from dataclasses import replace

    with pytest.raises(IamError) as caught:
        plan(replace(account, owners=kept), nothing, prunes=True)
    (error,) = caught.value.detail["errors"]
    assert "`policy/read-invoices` cannot be deleted: `group/finance` still needs it" in str(error)


def test_what_was_there_by_hand_is_adopted_and_that_is_no_change() -> None:
    found = plan(state(SHOP, managed_by=None), SHOP)
    assert found.steps == ()
    assert len(found.adopted) == 11


def test_a_plan_is_another_one_when_anything_that_it_touches_is_another() -> None:
    change = configured(groups={"finance": {"description": "new"}})
    first = plan(SHOP, change).hash
    assert plan(SHOP, change).hash == first
    assert plan(SHOP, change, prunes=True).hash != first
    other = deepcopy(SHOP)
    other["groups"]["finance"]["description"] = "changed meanwhile"
    assert plan(other, change).hash != first
