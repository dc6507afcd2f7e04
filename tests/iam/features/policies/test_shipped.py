"""What each shipped policy allows, and what it does not, asked of the engine itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from iam.authz.actions import AccessLevel, Action
from iam.authz.context import principal_context
from iam.authz.facts import PrincipalFacts, decide
from iam.authz.surroundings import NOTHING, owning_account, policy_set
from iam.features.policies.shipped import shipped_policies
from iam.models import SHIPPED_ACCOUNT
from iam_policy import DocumentKind, parse_policy

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DOCUMENTS = {policy.name: policy.document for policy in shipped_policies()}


def holder(policy: str, *, kind: str = "user", name: str = "alice", path: str = "/") -> Any:
    """A function that asks whether a holder of the policy may do something."""
    facts = PrincipalFacts(
        id="usr_1",
        arn=f"arn:iam:iam::main:{kind}{path}{name}",
        account="main",
        kind=kind,
        name=name,
        is_active=True,
        epoch=1,
        tags={},
        identity=policy_set([(policy, DOCUMENTS[policy])], DocumentKind.IDENTITY),
        boundary=None,
        depends_on=frozenset(),
    )

    def may(action: str, resource: str, **keys: Any) -> bool:
        arn = resource if resource.startswith("arn:") else f"arn:iam:iam::main:{resource}"
        context = principal_context(facts, now=NOON)
        # Keys of a context that is kept are in lower case.
        context.update({key.replace("_", ":", 1).lower(): keys[key] for key in keys})
        return decide(facts, action=action, resource=arn, context=context, around=NOTHING).allowed

    return may


def test_the_shipped_policies_are_the_documented_ones() -> None:
    assert set(DOCUMENTS) == {
        "AdministratorAccess",
        "ReadOnlyAccess",
        "SecurityAudit",
        "SelfManage",
        "ServiceDecisions",
        "ServiceDesk",
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_shipped_policy_has_no_defect(name: str) -> None:
    parse_policy(DOCUMENTS[name], DocumentKind.IDENTITY)


def test_the_administrator_may_do_everything_in_its_account_and_nothing_outside() -> None:
    may = holder("AdministratorAccess")
    assert all(may(action, "user/bob") for action in Action)
    assert not may("iam:GetUser", "arn:iam:iam::acme:user/bob")


def test_the_reader_reads_everything_and_changes_nothing() -> None:
    may = holder("ReadOnlyAccess")
    allowed = {action for action in Action if may(action, "user/bob")}
    levels = {AccessLevel.READ, AccessLevel.LIST}
    readable = {action for action in Action if action.access_level in levels}
    assert allowed == readable - {Action.EVALUATE, Action.GET_SERVICE_BEARER_TOKEN}


def test_the_auditor_reads_everything_and_asks_for_decisions() -> None:
    may = holder("SecurityAudit")
    levels = {AccessLevel.READ, AccessLevel.LIST}
    allowed = {action for action in Action if may(action, "user/bob")}
    assert all(action.access_level in levels for action in allowed)
    assert {Action.EVALUATE, Action.LIST_AUDIT_EVENTS, Action.LIST_CREDENTIALS} <= allowed
    assert Action.GET_SERVICE_BEARER_TOKEN not in allowed


class TestServiceDesk:
    @pytest.mark.parametrize("action", ["iam:UpdateUser", "iam:DisableUser", "iam:EnableUser"])
    def test_it_looks_after_people_who_are_not_administrators(self, action: str) -> None:
        may = holder("ServiceDesk")
        assert may(action, "user/team/bob", iam_ResourceIsAdministrator=False)
        assert not may(action, "user/root", iam_ResourceIsAdministrator=True)
        # Where nobody says whether it is one, nothing is allowed.
        assert not may(action, "user/bob")
        assert not may(action, "service/billing", iam_ResourceIsAdministrator=False)

    def test_it_gives_nobody_rights(self) -> None:
        may = holder("ServiceDesk")
        granted = {
            action
            for action in Action
            for resource in ("user/bob", "service/billing", "group/g", "policy/p", "role/r")
            if may(action, resource, iam_ResourceIsAdministrator=False)
        }
        risky = {AccessLevel.PERMISSIONS, AccessLevel.TAGGING}
        assert not [action for action in granted if action.access_level in risky]
        assert not granted & {Action.DELETE_USER, Action.CREATE_CREDENTIAL, Action.CREATE_GROUP}


class TestSelfManage:
    @pytest.mark.parametrize("path", ["/", "/team/payments/"])
    def test_a_person_keeps_its_own_profile_and_nobody_elses(self, path: str) -> None:
        may = holder("SelfManage", path=path)
        assert may("iam:UpdateUser", f"user{path}alice")
        assert may("iam:GetUser", f"user{path}alice")
        for other in ("user/bob", "user/alice/bob", "user/malice", "service/alice", "group/alice"):
            assert not may("iam:UpdateUser", other)
            assert not may("iam:GetUser", other)

    def test_a_person_gives_itself_nothing(self) -> None:
        may = holder("SelfManage")
        risky = {AccessLevel.PERMISSIONS, AccessLevel.TAGGING}
        allowed = {action for action in Action if may(action, "user/alice")}
        assert not [action for action in allowed if action.access_level in risky]
        assert Action.ENABLE_USER not in allowed

    def test_a_service_changes_its_own_credentials(self) -> None:
        may = holder("SelfManage", kind="service", name="billing", path="/prod/")
        for action in ("iam:CreateCredential", "iam:RevokeCredential", "iam:ListCredentials"):
            assert may(action, "service/prod/billing")
            assert not may(action, "service/prod/orders")
        assert not may("iam:ReactivateCredential", "service/prod/billing")
        assert not may("iam:AttachServicePolicy", "service/prod/billing")

    def test_a_service_is_not_the_person_of_the_same_name(self) -> None:
        assert not holder("SelfManage", kind="service")("iam:GetUser", "user/alice")
        assert not holder("SelfManage")("iam:CreateCredential", "service/alice")

    def test_pe_19_a_star_in_a_name_is_no_wildcard(self) -> None:
        assert not holder("SelfManage", name="*")("iam:GetUser", "user/bob")


class TestServiceDecisions:
    def test_a_service_asks_about_its_own_actions_only(self) -> None:
        may = holder("ServiceDecisions", kind="service", name="billing")
        assert may("decisions:Evaluate", "user/alice", decisions_ActionPrefix="billing")
        assert may("decisions:Evaluate", "user/alice", decisions_ActionPrefix="Billing")
        assert not may("decisions:Evaluate", "user/alice", decisions_ActionPrefix="orders")
        assert not may("decisions:Evaluate", "user/alice")

    def test_a_person_of_the_same_name_does_not(self) -> None:
        may = holder("ServiceDecisions", name="billing")
        assert not may("decisions:Evaluate", "user/alice", decisions_ActionPrefix="billing")


class TestOwningAccount:
    def test_a_shipped_policy_counts_as_the_users_own(self) -> None:
        arn = f"arn:iam:iam::{SHIPPED_ACCOUNT}:policy/ReadOnlyAccess"
        assert owning_account(arn, "acme") == "acme"

    @pytest.mark.parametrize(
        ("resource", "owner"),
        [
            ("arn:iam:iam::main:policy/ReadOnlyAccess", "main"),
            (f"arn:iam:iam::{SHIPPED_ACCOUNT}:user/alice", SHIPPED_ACCOUNT),
            (f"arn:iam:billing::main:x:iam::{SHIPPED_ACCOUNT}:policy/y", "main"),
        ],
    )
    def test_nothing_else_that_names_an_account_does(self, resource: str, owner: str) -> None:
        assert owning_account(resource, "acme") == owner
