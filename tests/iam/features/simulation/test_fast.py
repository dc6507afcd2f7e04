"""`POST /v1/policies:simulate`: what would be decided, and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import InlinePolicy, Policy, PolicyVersion, Principal, PrincipalStatus
from tests.world import Actor, Statement, World, allow, deny, policy_document

pytestmark = pytest.mark.anyio

INVOICE = "arn:iam:billing::main:invoice/42"
ORDER = "arn:iam:orders::main:order/7"
ANY = {"If-Match": "*"}
RCP = policy_document({**deny("billing:*"), "Principal": "*"})


async def simulate(actor: Actor, **members: Any) -> dict[str, Any]:
    answer = await post(actor, **members)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def post(actor: Actor, **members: Any) -> httpx2.Response:
    body = {"action_names": ["billing:GetInvoice"], **members}
    return await actor.http.post("/v1/policies:simulate", json=body)


async def result(actor: Actor, **members: Any) -> dict[str, Any]:
    (one,) = (await simulate(actor, **members))["evaluation_results"]
    assert isinstance(one, dict)
    return one


def when(statement: Statement, operator: str, key: str, value: str) -> dict[str, Any]:
    return {**statement, "Condition": {operator: {key: value}}}


def text(name: str, value: str) -> dict[str, Any]:
    return {"context_key_name": name, "context_key_type": "string", "context_key_values": [value]}


@pytest.fixture
async def tester(world: World) -> Actor:
    """Somebody who may simulate documents, and principals of the account."""
    return await world.actor(allow("iam:Simulate*"), name="tester")


async def bound(world: World, actor: Actor, *statements: Statement) -> None:
    """Limit somebody by a permissions boundary."""
    async with world.work() as uow:
        policy = Policy(
            id=new_id(IdKind.POLICY, uow.now),
            account="main",
            name="at-most",
            created_at=uow.now,
            updated_at=uow.now,
        )
        uow.add(policy)
        await uow.flush()
        document = policy_document(*statements)
        version = PolicyVersion(
            policy_id=policy.id, number=1, account="main", document=document, created_at=uow.now
        )
        uow.add(version)
        uow.emit(EventType.POLICY_CREATED, policy)
        row = await uow.get(Principal, actor.id)
        assert row is not None
        row.boundary_policy_id = policy.id
        uow.emit(EventType.SERVICE_BOUNDARY_PUT, row)


@dataclass(frozen=True)
class StoredRole:
    """A role that is stored."""

    id: str
    arn: str


async def stored_role(
    world: World, *statements: Mapping[str, Any], tags: dict[str, str]
) -> StoredRole:
    """Store the role `app` below a path, with these permissions."""
    admin = await world.administrator()
    trust = {"Effect": "Allow", "Principal": {"IAM": "main"}, "Action": "sts:AssumeRole"}
    body = {
        "name": "app",
        "path": "/team/",
        "trust_policy": {"Version": "2012-10-17", "Statement": [trust]},
        "tags": tags,
    }
    made = await admin.http.post("/v1/roles", json=body)
    assert made.status_code == 201, made.text
    document = {"document": json.loads(policy_document(*statements))}
    put = await admin.http.put("/v1/roles/app/inline-policies/own", json=document)
    assert put.status_code < 300, put.text
    return StoredRole(made.json()["id"], made.json()["arn"])


@pytest.mark.any_database
class TestDocuments:
    async def test_the_statement_is_named_and_found_in_the_text(self, tester: Actor) -> None:
        text = (
            '{"Version":"2012-10-17",\n "Statement":[\n  ' + json.dumps(allow("billing:*")) + "]}"
        )
        one = await result(tester, policy_input_list=[text])
        assert (one["eval_decision"], one["eval_resource_name"]) == ("allowed", "*")
        (match,) = one["matched_statements"]
        assert (match["source_policy_id"], match["source_policy_type"]) == (
            "PolicyInputList.1",
            "none",
        )
        assert match["start_position"] == {"line": 3, "column": 3}
        assert match["end_position"]["line"] == 3
        assert (match["layer"], match["statement"], match["sid"]) == ("identity", 0, None)
        assert one["resource_specific_results"] == []
        assert one["eval_decision_details"] is None
        assert one["organizations_decision_detail"] is None
        assert one["permissions_boundary_decision_detail"] is None

    async def test_an_action_is_decided_for_all_resources_together_and_each(
        self, tester: Actor
    ) -> None:
        text = policy_document(allow("*"), deny("billing:*", on=INVOICE))
        shown = await simulate(
            tester,
            policy_input_list=[text],
            action_names=["billing:Pay", "orders:Get"],
            resource_arns=[INVOICE, ORDER],
        )
        pay, get = shown["evaluation_results"]
        assert (pay["eval_decision"], get["eval_decision"]) == ("explicitDeny", "allowed")
        assert pay["eval_resource_name"] is None
        each = {
            one["eval_resource_name"]: one["eval_resource_decision"]
            for one in pay["resource_specific_results"]
        }
        assert each == {INVOICE: "explicitDeny", ORDER: "allowed"}
        # The Deny is the only statement that is named, whatever else allows.
        assert [one["statement"] for one in pay["matched_statements"]] == [1]
        assert pay["blocked_by"] == "identity"

    async def test_every_statement_that_allows_is_named(self, tester: Actor) -> None:
        policies = [policy_document(allow("billing:*"), allow("*")), policy_document(allow("*"))]
        one = await result(tester, policy_input_list=policies)
        named = [
            (each["source_policy_id"], each["statement"]) for each in one["matched_statements"]
        ]
        assert named == [
            ("PolicyInputList.1", 0),
            ("PolicyInputList.1", 1),
            ("PolicyInputList.2", 0),
        ]

    async def test_missing_context_keys_are_reported_as_the_policy_writes_them(
        self, tester: Actor
    ) -> None:
        policy = policy_document(when(allow("*"), "StringEquals", "billing:Currency", "EUR"))
        one = await result(tester, policy_input_list=[policy], resource_arns=[INVOICE])
        assert one["eval_decision"] == "implicitDeny"
        assert one["missing_context_values"] == ["billing:Currency"]
        (each,) = one["resource_specific_results"]
        assert each["missing_context_values"] == ["billing:Currency"]
        entries = [text("BILLING:currency", "EUR")]
        again = await result(tester, policy_input_list=[policy], context_entries=entries)
        assert (again["eval_decision"], again["missing_context_values"]) == ("allowed", [])

    async def test_the_clock_is_there_and_can_be_another(self, tester: Actor) -> None:
        late = when(allow("*"), "DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z")
        policies = [policy_document(late)]
        now = await result(tester, policy_input_list=policies)
        assert (now["eval_decision"], now["missing_context_values"]) == ("implicitDeny", [])
        entry = text("iam:CurrentTime", "2030-06-01T00:00:00Z") | {"context_key_type": "date"}
        then = await result(tester, policy_input_list=policies, context_entries=[entry])
        assert then["eval_decision"] == "allowed"

    async def test_a_boundary_limits(self, tester: Actor) -> None:
        one = await result(
            tester,
            policy_input_list=[policy_document(allow("*"))],
            permissions_boundary_policy_input_list=[policy_document(allow("orders:*"))],
        )
        assert (one["eval_decision"], one["blocked_by"]) == ("implicitDeny", "boundary")
        detail = one["permissions_boundary_decision_detail"]
        assert detail == {"allowed_by_permissions_boundary": False}
        assert [each["source_policy_id"] for each in one["matched_statements"]] == [
            "PolicyInputList.1"
        ]

    async def test_a_resource_policy_names_the_caller_and_both_accounts_have_a_say(
        self, tester: Actor
    ) -> None:
        bob = "arn:iam:iam::acme:user/bob"
        named = {**allow("billing:*"), "Principal": {"AWS": bob}}
        members: dict[str, Any] = {
            "resource_policy": policy_document(named),
            "caller_arn": bob,
            "resource_arns": [INVOICE],
        }
        silent = policy_document(allow("orders:*"))
        one = await result(tester, policy_input_list=[silent], **members)
        assert (one["eval_decision"], one["blocked_by"]) == ("implicitDeny", "identity")
        assert one["eval_decision_details"] == {"identity": "implicitDeny", "resource": "allowed"}
        both = await result(tester, policy_input_list=[policy_document(allow("*"))], **members)
        assert both["eval_decision"] == "allowed"
        assert both["eval_decision_details"] == {"identity": "allowed", "resource": "allowed"}
        types = [each["source_policy_type"] for each in both["matched_statements"]]
        assert set(types) == {"none"}

    async def test_the_owner_of_a_resource_without_account_can_be_named(
        self, tester: Actor
    ) -> None:
        members: dict[str, Any] = {
            "policy_input_list": [policy_document(allow("*"))],
            "resource_arns": ["arn:iam:s3:::bucket/key"],
        }
        assert (await result(tester, **members))["eval_decision"] == "allowed"
        members["resource_owner"] = "arn:iam:iam::acme:root"
        assert (await result(tester, **members))["blocked_by"] == "resource"

    async def test_pages_follow_each_other_and_a_marker_fits_one_question(
        self, world: World, tester: Actor
    ) -> None:
        members: dict[str, Any] = {
            "policy_input_list": [policy_document(allow("a:*"))],
            "action_names": [f"a:B{number}" for number in range(5)],
            "max_items": 2,
        }
        found: list[str] = []
        marker = None
        while True:
            page = await simulate(tester, **members, marker=marker)
            found += [one["eval_action_name"] for one in page["evaluation_results"]]
            marker = page["marker"]
            assert page["is_truncated"] is (marker is not None)
            if marker is None:
                break
        assert found == members["action_names"]
        first = await simulate(tester, **members)
        other = {**members, "policy_input_list": [policy_document(allow("*"))]}
        stranger = await world.actor(allow("iam:SimulateCustomPolicy"))
        for actor, asked in ((tester, other), (stranger, members)):
            answer = await post(actor, **asked, marker=first["marker"])
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


class TestPrincipals:
    async def test_stored_policies_count_with_those_of_the_request(
        self, world: World, tester: Actor
    ) -> None:
        orders = await world.actor(allow("billing:Get*"))
        one = await result(tester, policy_source_arn=orders.arn)
        assert one["eval_decision"] == "allowed"
        (match,) = one["matched_statements"]
        assert (match["source_policy_id"], match["source_policy_type"]) == ("inline:test", "inline")
        assert match["start_position"] is None
        denied = await result(
            tester, policy_source_arn=orders.arn, policy_input_list=[policy_document(deny("*"))]
        )
        assert denied["eval_decision"] == "explicitDeny"

    async def test_it_says_what_a_decision_says(
        self, world: World, tester: Actor, admin: Actor
    ) -> None:
        cases = [
            await world.actor(allow("*")),
            await world.actor(allow("*"), deny("billing:*")),
            await world.actor(allow("orders:*")),
            await world.actor(when(allow("*"), "StringEquals", "aws:PrincipalAccount", "main")),
            await world.actor(when(allow("*"), "StringEquals", "aws:PrincipalTag/x", "y")),
        ]
        for who in cases:
            question = {"principal": who.arn, "action": "billing:GetInvoice", "resource": INVOICE}
            answer = await admin.http.post("/v1/decisions", json={"evaluations": [question]})
            (decided,) = answer.json()["decisions"]
            one = await result(tester, policy_source_arn=who.arn, resource_arns=[INVOICE])
            assert one["eval_decision"] == decided["decision"]

    async def test_the_stored_boundary_limits_unless_another_is_tried(
        self, world: World, tester: Actor
    ) -> None:
        orders = await world.actor(allow("*"))
        await bound(world, orders, allow("orders:*"))
        one = await result(tester, policy_source_arn=orders.arn)
        assert one["blocked_by"] == "boundary"
        wide = [policy_document(allow("*"))]
        other = await result(
            tester, policy_source_arn=orders.arn, permissions_boundary_policy_input_list=wide
        )
        assert other["eval_decision"] == "allowed"
        assert other["permissions_boundary_decision_detail"] == {
            "allowed_by_permissions_boundary": True
        }

    async def test_guardrails_count_and_are_told(
        self, world: World, tester: Actor, admin: Actor
    ) -> None:
        orders = await world.actor(allow("*"))
        document = json.loads(policy_document({**deny("billing:*"), "Sid": "NoMoney"}))
        made = await admin.http.put("/v1/guardrails/scp/no-money", json={"document": document})
        assert made.status_code == 200, made.text
        path = "/v1/guardrails/scp/no-money/attachments/account/main"
        put = await admin.http.put(path)
        assert put.status_code < 300, put.text
        one = await result(tester, policy_source_arn=orders.arn, action_names=["billing:Pay"])
        assert (one["eval_decision"], one["blocked_by"]) == ("explicitDeny", "scp")
        assert one["organizations_decision_detail"] == {"allowed_by_organizations": False}
        assert one["matched_statements"][0]["source_policy_type"] == "scp"
        other = await result(tester, policy_source_arn=orders.arn, action_names=["orders:Get"])
        assert other["organizations_decision_detail"] == {"allowed_by_organizations": True}

    async def test_the_policy_of_a_resource_counts_unless_another_is_tried(
        self, world: World, tester: Actor, admin: Actor
    ) -> None:
        orders = await world.actor()
        named: Mapping[str, Any] = {**allow("billing:*"), "Principal": {"IAM": orders.arn}}
        body = {"document": json.loads(policy_document(named))}
        put = await admin.http.put(f"/v1/resource-policies/{INVOICE}", json=body)
        assert put.status_code < 300, put.text
        members: dict[str, Any] = {"policy_source_arn": orders.arn, "resource_arns": [INVOICE]}
        one = await result(tester, **members)
        assert one["eval_decision"] == "allowed"
        assert one["matched_statements"][0]["source_policy_type"] == "resource"
        elsewhere = {**allow("orders:*"), "Principal": {"IAM": orders.arn}}
        tried = policy_document(elsewhere)
        other = await result(tester, **members, resource_policy=tried)
        assert other["eval_decision"] == "implicitDeny"

    async def test_a_caller_stands_in_with_the_policies_of_the_source(
        self, world: World, tester: Actor
    ) -> None:
        orders = await world.actor(
            when(allow("*"), "StringEquals", "iam:username", "bob"), name="orders"
        )
        assert (await result(tester, policy_source_arn=orders.arn))["eval_decision"] != "allowed"
        bob = "arn:iam:iam::main:user/team/bob"
        stand_in = await result(tester, policy_source_arn=orders.arn, caller_arn=bob)
        assert stand_in["eval_decision"] == "allowed"

    async def test_who_is_disabled_may_nothing(self, world: World, tester: Actor) -> None:
        orders = await world.actor(allow("*"))
        async with world.work() as uow:
            row = await uow.get(Principal, orders.id)
            assert row is not None
            row.status = PrincipalStatus.DISABLED
            uow.emit(EventType.SERVICE_DISABLED, row)
        one = await result(
            tester, policy_source_arn=orders.arn, policy_input_list=[policy_document(allow("*"))]
        )
        assert one["eval_decision"] == "implicitDeny"

    async def test_a_defective_stored_policy_denies(self, world: World, tester: Actor) -> None:
        orders = await world.actor(allow("*"))
        async with world.work() as uow:
            query = select(InlinePolicy).where(InlinePolicy.principal_id == orders.id)
            row = await uow.scalar(query)
            row.document = "{"
            uow.emit(EventType.SERVICE_INLINE_POLICY_PUT, await uow.get(Principal, orders.id))
        one = await result(tester, policy_source_arn=orders.arn, explain=True)
        assert one["eval_decision"] == "implicitDeny"
        assert "could not be decided" in one["explanation"][0]


@pytest.mark.any_database
class TestGuardrailsOfTheRequest:
    async def test_a_guardrail_is_tried_beside_the_stored_ones_or_in_place_of_full_access(
        self, world: World, tester: Actor
    ) -> None:
        orders = await world.actor(allow("*"))
        no_money = policy_document(deny("billing:Pay"))
        tries: list[tuple[list[str], str, list[str | None]]] = [
            (["FullAccess", no_money], "billing:Pay", ["explicitDeny", "scp"]),
            (["FullAccess", no_money], "billing:GetInvoice", ["allowed", None]),
            ([no_money], "billing:GetInvoice", ["implicitDeny", "scp"]),
        ]
        for level, action, expected in tries:
            one = await result(
                tester,
                policy_source_arn=orders.arn,
                action_names=[action],
                service_control_policy_input_list=[level],
            )
            assert [one["eval_decision"], one["blocked_by"]] == expected
            allowed = {"allowed_by_organizations": expected[1] is None}
            assert one["organizations_decision_detail"] == allowed

    async def test_what_denies_is_found_in_the_text_of_the_request(self, tester: Actor) -> None:
        one = await result(
            tester,
            policy_input_list=[policy_document(allow("*"))],
            resource_control_policy_input_list=[["FullAccess", RCP]],
        )
        (match,) = one["matched_statements"]
        assert match["source_policy_id"] == "ResourceControlPolicyInputList.1.2"
        assert (match["layer"], match["source_policy_type"]) == ("rcp", "none")
        assert match["start_position"] is not None

    async def test_an_anonymous_caller_is_bound_by_no_guardrail_for_principals(
        self, tester: Actor
    ) -> None:
        everybody = policy_document({**allow("billing:*"), "Principal": "*"})
        one = await result(
            tester,
            caller_arn="anonymous",
            resource_policy=everybody,
            resource_arns=[INVOICE],
            service_control_policy_input_list=[[]],
        )
        assert (one["eval_decision"], one["organizations_decision_detail"]) == ("allowed", None)
        assert one["eval_decision_details"] == {}


@pytest.mark.any_database
class TestSessions:
    async def test_a_session_of_a_stored_role_has_what_is_known_of_the_role(
        self, world: World, tester: Actor
    ) -> None:
        own = when(allow("billing:*"), "StringEquals", "iam:PrincipalTag/team", "money")
        role = await stored_role(world, own, tags={"team": "money"})
        session = "arn:iam:sts::main:assumed-role/app/s1"
        members: dict[str, Any] = {"policy_source_arn": role.arn, "caller_arn": session}
        assert (await result(tester, **members))["eval_decision"] == "allowed"
        other = {**members, "caller_arn": "arn:iam:sts::main:assumed-role/web/s1"}
        assert (await result(tester, **other))["eval_decision"] == "implicitDeny"
        named = policy_document({**allow("orders:*"), "Principal": {"IAM": role.id}})
        asked = {**members, "action_names": ["orders:Get"], "resource_policy": named}
        assert (await result(tester, **asked))["eval_decision"] == "allowed"
        less = {**asked, "session_policy_input_list": [policy_document(allow("mail:*"))]}
        assert (await result(tester, **less))["blocked_by"] == "session"


class TestExplanation:
    async def test_the_nearest_miss_is_told_when_it_is_wanted(self, tester: Actor) -> None:
        policy = policy_document(
            allow("orders:*"), when(allow("billing:*"), "StringEquals", "billing:Currency", "EUR")
        )
        one = await result(tester, policy_input_list=[policy], explain=True)
        told = "\n".join(one["explanation"])
        assert "nearest in layer identity: PolicyInputList.1 statement 1" in told
        assert "StringEquals billing:Currency" in told
        quiet = await result(tester, policy_input_list=[policy])
        assert quiet["explanation"] == []

    async def test_pe_30_an_account_is_not_told_what_a_guardrail_says(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        orders = await world.actor(allow("*"), account="acme")
        secret = when(allow("billing:*"), "StringEquals", "iam:PrincipalTag/secret-word", "plum")
        body = {"document": json.loads(policy_document(secret, allow("iam:*")))}
        assert (await admin.http.put("/v1/guardrails/scp/g", json=body)).status_code == 200
        put = await admin.http.put("/v1/guardrails/scp/g/attachments/account/acme")
        assert put.status_code < 300, put.text
        path = "/v1/guardrails/scp/FullAccess/attachments/account/acme"
        gone = await admin.http.delete(path)
        assert gone.status_code < 300, gone.text
        one = await result(boss, policy_source_arn=orders.arn, explain=True)
        assert one["blocked_by"] == "scp"
        assert one["explanation"] == [
            "a guardrail does not allow billing:GetInvoice on this resource"
        ]


class TestRefused:
    async def test_each_kind_takes_a_permission_of_its_own(self, world: World) -> None:
        orders = await world.actor(allow("*"))
        documents = [policy_document(allow("*"))]
        nobody = await world.actor()
        for members in ({"policy_input_list": documents}, {"policy_source_arn": orders.arn}):
            answer = await post(nobody, **members)
            assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
        custom = await world.actor(allow("iam:SimulateCustomPolicy"))
        assert (await post(custom, policy_input_list=documents)).status_code == 200
        assert (await post(custom, policy_source_arn=orders.arn)).status_code == 403
        own = await world.actor(allow("iam:SimulatePrincipalPolicy", on=orders.arn))
        assert (await post(own, policy_source_arn=orders.arn)).status_code == 200
        assert (await post(own, policy_source_arn=custom.arn)).status_code == 403
        assert (await post(own, policy_input_list=documents)).status_code == 403
        types = [entry.type for entry in await world.events()]
        assert types.count(EventType.ACCESS_DENIED) == 5

    async def test_only_who_may_learns_that_somebody_is_not_there(
        self, world: World, tester: Actor
    ) -> None:
        nobody = await world.actor()
        arn = "arn:iam:iam::main:user/ghost"
        assert (await post(tester, policy_source_arn=arn)).status_code == 404
        assert (await post(nobody, policy_source_arn=arn)).status_code == 403

    async def test_mt_05_principals_of_another_account_are_out_of_reach(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        other = await world.actor(allow("*"), account="acme")
        for arn in (other.arn, "arn:iam:iam::acme:user/ghost"):
            answer = await post(admin, policy_source_arn=arn)
            assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")

    async def test_what_is_wrong_is_told_with_its_place(self, tester: Actor) -> None:
        answer = await post(tester, policy_input_list=['{"Statement":[]}'])
        assert (answer.status_code, answer.json()["code"]) == (400, "policy_invalid")
        assert answer.json()["errors"][0]["path"] == "$.policy_input_list[0]:$.Statement"
