"""What a document may say; everything that is wrong with it is told at once."""

from copy import deepcopy
from typing import Any

import pytest

from tests.configurations import SHOP, configured, defects, document, state
from tests.world import allow


def test_the_company_has_no_defects() -> None:
    assert defects(SHOP) == {}


def test_every_defect_is_told_at_once_with_its_path() -> None:
    broken: dict[str, Any] = {
        "configuration": "Shop",
        "policies": {
            "read": {"document": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}}
        },
        "groups": {
            "finance": {"members": ["role/deploy", 7], "policies": ["nothing"], "colour": "red"}
        },
        "services": {"billing": {"audiences": ["no uri"]}},
        "roles": {"deploy": {"trust_policy": document(allow("sts:AssumeRole"))}},
        "guardrails": {"keep": {}},
        "applications": {},
        "grups": {},
    }
    found = defects(broken)
    assert found["$.configuration"].startswith("expected the name of this configuration")
    assert found["$.policies.read.document.Statement[0]"].startswith("expected")
    assert found["$.groups.finance.members[0]"] == (
        'expected `user/NAME` or `service/NAME`, found "role/deploy"'
    )
    assert "$.groups.finance.members[1]" in found
    assert (
        found["$.groups.finance.policies"] == "there is no policy `nothing`, here or in the account"
    )
    assert found["$.groups.finance.colour"].startswith("unknown; expected one of path, description")
    assert found["$.services.billing"] == "`owner` is missing, which what is new needs"
    assert found["$.services.billing.audiences[0]"].startswith("expected an absolute URI")
    assert any(path.startswith("$.roles.deploy.trust_policy") for path in found)
    assert "scp/NAME" in found["$.guardrails.keep"] or "missing" in found["$.guardrails.keep"]
    assert found["$.applications"].startswith("this release knows no applications yet")
    assert found["$.grups"].startswith("unknown section; expected one of configuration, policies")


@pytest.mark.parametrize(
    ("sections", "path", "message"),
    [
        ({"groups": {"a": {}, "A": {}}}, "$.groups.A", "`a` is the same name"),
        ({"policies": {"ReadOnlyAccess": {}}}, "$.policies.ReadOnlyAccess", "software"),
        ({"groups": {"two words": {}}}, '$.groups["two words"]', "expected 1 to 128"),
        (
            {"users": {"ana": {"groups": ["none"]}}},
            "$.users.ana.groups",
            "there is no group `none`",
        ),
        ({"users": {"ana": {"tags": {"iam:x": "y"}}}}, "$.users.ana.tags", "reserved"),
        ({"users": {"ana": {"path": "no"}}}, "$.users.ana.path", "expected a path"),
        ({"action_catalogues": {"iam": {}}}, "$.action_catalogues.iam", "own"),
        ({"groups": []}, "$.groups", "expected an object, found an empty list"),
        (
            {"resource_policies": {"arn:iam:billing::acme:invoice/1": document(allow("*"))}},
            '$.resource_policies["arn:iam:billing::acme:invoice/1"]',
            "another account",
        ),
    ],
)
def test_names_and_values_follow_the_rules_of_their_features(
    sections: dict[str, Any], path: str, message: str
) -> None:
    assert message in defects(configured(**sections))[path]


def test_a_principal_that_is_nowhere_is_told_where_a_document_names_it() -> None:
    changed = deepcopy(SHOP)
    changed["roles"]["deploy"]["trust_policy"]["Statement"][0]["Principal"] = {
        "IAM": ["arn:iam:iam::main:service/nobody", "arn:iam:iam::main:service/orders"]
    }
    (path,) = defects(changed)
    assert path == "$.roles.deploy.trust_policy.Statement[0].Principal.IAM[0]"


def test_both_sides_of_a_membership_may_tell_of_it_and_must_not_contradict() -> None:
    both = configured(
        groups={"finance": {"members": ["user/ana"]}}, users={"ana": {"groups": ["Finance"]}}
    )
    assert defects(both) == {}
    both["users"]["ben"] = {"groups": ["finance"]}
    assert list(defects(both)) == ["$.users.ben.groups"]


def test_what_never_changes_and_what_another_configuration_manages_is_refused() -> None:
    before = state(SHOP)
    moved = configured(groups={"finance": {"path": "/other/"}})
    assert "can never change" in defects(moved, before)["$.groups.finance.path"]
    foreign = {"configuration": "other", "groups": {"finance": {}}}
    assert defects(foreign, before) == {"$.groups.finance": "configuration `shop` manages it"}


def test_names_are_found_whatever_their_case_and_kept_as_they_are_stored() -> None:
    changed = configured(
        groups={"FINANCE": {"policies": ["Read-Invoices"], "members": ["user/ANA"]}}
    )
    before = state(SHOP)
    assert defects(changed, before) == {}
