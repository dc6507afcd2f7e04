"""Our own catalogues are ones that anybody could register, and they know every action."""

import json

import pytest

from iam.authz.actions import Action
from iam.authz.catalogues import own_catalogues
from iam.features.policies.shipped import ShippedPolicy, shipped_policies
from iam_policy import DocumentKind
from iam_policy.catalogue import ActionCatalogue, catalogue_document, parse_catalogue
from iam_policy.lint import Severity, lint
from iam_policy.lint.escalation import PATHS

ENTRIES = {f"{one.prefix}:{entry.name}": entry for one in own_catalogues() for entry in one.actions}


def test_every_action_has_an_entry() -> None:
    assert set(ENTRIES) >= set(Action)
    assert set(ENTRIES) - set(Action) <= {"iam:PassRole", "sts:AssumeRole", "sts:TagSession"}
    assert {one.prefix for one in own_catalogues()} == {
        "iam",
        "sts",
        "organizations",
        "audit",
        "decisions",
    }


@pytest.mark.parametrize("action", Action)
def test_every_action_is_about_something_and_has_its_level(action: Action) -> None:
    # To try out documents is about nothing that exists: `*` alone.
    assert bool(ENTRIES[action].resource_types) is (action.operation != "SimulateCustomPolicy")
    assert ENTRIES[action].access_level is action.access_level


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        (Action.ADD_USER_TO_GROUP, ("group",)),
        (Action.LIST_GROUPS_FOR_SERVICE, ("service",)),
        (Action.ATTACH_GROUP_POLICY, ("group", "policy")),
        (Action.LIST_ENTITIES_FOR_POLICY, ("policy",)),
        (Action.UPDATE_ASSUME_ROLE_POLICY, ("role",)),
        (Action.REVOKE_CREDENTIAL, ("user", "service")),
        (Action.GET_SERVICE_BEARER_TOKEN, ("service",)),
        (Action.PUT_RESOURCE_POLICY, ("resource",)),
        (Action.UPDATE_GUARDRAIL, ("guardrail",)),
        (Action.ATTACH_GUARDRAIL, ("guardrail", "account", "installation")),
        (Action.READ_METRICS, ("installation",)),
    ],
)
def test_an_action_is_about_what_it_is_asked_for(action: Action, kinds: tuple[str, ...]) -> None:
    assert ENTRIES[action].resource_types == kinds


@pytest.mark.parametrize("catalogue", own_catalogues(), ids=lambda one: one.prefix)
def test_a_catalogue_of_ours_reads_back_as_written(catalogue: ActionCatalogue) -> None:
    assert parse_catalogue(json.dumps(catalogue_document(catalogue))) == catalogue


@pytest.mark.parametrize("shipped", shipped_policies(), ids=lambda one: one.name)
def test_shipped_policies_have_no_errors(shipped: ShippedPolicy) -> None:
    found = lint(shipped.document, DocumentKind.IDENTITY, catalogues=own_catalogues())
    assert not [str(one) for one in found if one.severity is Severity.ERROR]


def test_a_trust_policy_names_an_action_that_is_known() -> None:
    statement = {"Effect": "Allow", "Principal": {"IAM": "main"}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    assert lint(text, DocumentKind.TRUST, catalogues=own_catalogues()) == ()


def test_every_way_up_that_we_have_is_one_that_lint_knows() -> None:
    known = {action for path in PATHS for action in path.actions}
    ours = {action for action in Action if action.value in known}
    assert Action.CREATE_POLICY_VERSION in ours
    verbs = ("Attach", "Put", "AddUser", "SetDefault", "UpdateAssumeRole")
    risky = {action for action in Action if action.operation.startswith(verbs)}
    # Guardrails never give anything, a catalogue only tells of actions, a mail only of changes.
    harmless = {Action.ATTACH_GUARDRAIL, Action.PUT_ACTION_CATALOGUE, Action.PUT_MAIL_TEMPLATE}
    assert risky - harmless <= ours
