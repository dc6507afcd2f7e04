"""`POST /v1/decisions` under guardrails, resource policies and trust policies, in both lanes."""

import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import insert

from iam.authz import read_surroundings as reading
from iam.authz.facts import decide as engine
from iam.authz.gather import gather
from iam.authz.read_surroundings import read_surroundings
from iam.authz.surroundings import NOTHING
from iam.journal.events import EventType
from iam.models import Principal, ResourcePolicy, ServiceAudience, resource_key
from tests.oauth import ask, new_client
from tests.world import NOON, Actor, Statement, World, allow, deny, open_world

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
DAMAGED = {
    "account": "main", "document": "{", "created_by": "", "created_at": NOON, "updated_at": NOON,
    "version": 1,
}  # fmt: skip
INVOICE = "arn:iam:billing::main:invoice/42"
READ = {"action": "billing:GetInvoice", "resource": INVOICE}
SCP = "/v1/guardrails/scp/stop"
RCP = "/v1/guardrails/rcp/stop"


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(map(dict, statements))}


def naming(principal: Any, statement: Statement) -> Statement:
    return {**statement, "Principal": principal}


async def decide(actor: Actor, **question: Any) -> dict[str, Any]:
    body = {"evaluations": [{**READ, **question}]}
    answer = await actor.http.post("/v1/decisions", json=body)
    assert answer.status_code == 200, answer.text
    (decision,) = answer.json()["decisions"]
    assert isinstance(decision, dict)
    return decision


async def outcome(actor: Actor, **question: Any) -> tuple[str, str | None]:
    decision = await decide(actor, **question)
    return decision["decision"], decision["blocked_by"]


async def put(admin: Actor, url: str, *statements: Statement) -> None:
    answer = await admin.http.put(url, json={"document": document(*statements)})
    assert answer.status_code == 200, answer.text


async def attach(admin: Actor, url: str, target: str) -> None:
    answer = await admin.http.put(f"{url}/attachments/{target}")
    assert answer.status_code == 200, answer.text


async def put_policy(admin: Actor, resource: str, *statements: Statement) -> None:
    await put(admin, f"/v1/resource-policies/{resource}", *statements)


@pytest.fixture
async def asker(world: World, admin: Actor) -> Actor:
    """Whoever may ask about anybody of `main`; no guardrail here is about asking."""
    del world
    return admin


class TestGuardrails:
    async def test_pe_09_a_deny_of_the_callers_account_wins(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        assert await outcome(asker, principal=orders.arn) == ("allowed", None)
        await put(admin, SCP, deny("billing:Get*"))
        await attach(admin, SCP, "account/main")
        decision = await decide(asker, principal=orders.arn)
        assert (decision["decision"], decision["blocked_by"]) == ("explicitDeny", "scp")
        (match,) = decision["matched"]
        arn = "arn:iam:organizations::main:policy/service_control_policy/stop"
        assert (match["layer"], match["policy"]) == ("scp", arn)
        assert (await admin.http.delete(f"{SCP}/attachments/account/main")).status_code == 204
        assert await outcome(asker, principal=orders.arn) == ("allowed", None)

    async def test_each_level_needs_an_allow_and_the_decision_names_what_allowed(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        resource = "arn:iam:billing::acme:invoice/1"
        orders = await world.actor(allow("billing:*"), account="acme")
        question = {"principal": orders.arn, "resource": resource}
        await put(admin, SCP, allow("billing:List*", "decisions:*"))
        await attach(admin, SCP, "account/acme")
        assert await outcome(boss, **question) == ("allowed", None)
        full = "/v1/guardrails/scp/FullAccess/attachments/account/acme"
        assert (await admin.http.delete(full)).status_code == 204
        assert await outcome(boss, **question) == ("implicitDeny", "scp")
        decision = await decide(boss, **question, action="billing:ListInvoices")
        assert [one["layer"] for one in decision["matched"]] == ["scp", "identity"]

    async def test_those_for_resources_follow_the_owner_of_the_resource(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        await world.account("acme")
        orders = await world.actor(allow("billing:*"))
        await put(admin, RCP, deny("billing:GetInvoice"))
        await attach(admin, RCP, "account/acme")
        assert await outcome(asker, principal=orders.arn) == ("allowed", None)
        foreign = "arn:iam:billing::acme:invoice/42"
        assert await outcome(asker, principal=orders.arn, resource=foreign) == (
            "explicitDeny",
            "rcp",
        )
        await attach(admin, RCP, "installation")
        assert await outcome(asker, principal=orders.arn) == ("explicitDeny", "rcp")

    async def test_a_service_bearer_token_can_be_taken_away(
        self, world: World, admin: Actor
    ) -> None:
        client = await new_client(world, name="orders")
        billing = await world.actor(name="billing")
        form = {"grant_type": "client_credentials", "resource": billing.arn}
        async with world.work() as uow:
            row = await uow.get(Principal, billing.id)
            uow.add(ServiceAudience(account="main", uri=billing.arn, service_id=billing.id))
            uow.emit(EventType.SERVICE_UPDATED, row)
        assert (await ask(world, "token", form, basic=client.basic)).status_code == 200
        await put(admin, SCP, deny("sts:GetServiceBearerToken"))
        await attach(admin, SCP, "installation")
        refused = await ask(world, "token", form, basic=client.basic)
        assert refused.json()["error"] == "invalid_target"


class TestResourcePolicies:
    async def test_either_policy_suffices_within_an_account(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        orders = await world.actor()
        assert await outcome(asker, principal=orders.arn) == ("implicitDeny", "identity")
        await put_policy(admin, INVOICE, naming({"IAM": orders.arn}, allow("billing:Get*")))
        decision = await decide(asker, principal=orders.arn)
        assert decision["allowed"]
        assert [(one["layer"], one["policy"]) for one in decision["matched"]] == [
            ("resource", INVOICE)
        ]
        other = "arn:iam:billing::main:invoice/43"
        assert (await outcome(asker, principal=orders.arn, resource=other))[0] == "implicitDeny"

    async def test_it_reaches_what_is_below_its_resource(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        await put_policy(admin, INVOICE, naming("*", deny("billing:*", on=f"{INVOICE}/secret/*")))
        for resource, expected in (
            (INVOICE, "allowed"),
            (f"{INVOICE}/lines", "allowed"),
            (f"{INVOICE}/secret/1", "explicitDeny"),
            (f"{INVOICE}/secret/" + "x/" * 12 + "y", "explicitDeny"),
        ):
            assert (await outcome(asker, principal=orders.arn, resource=resource))[0] == expected

    async def test_across_accounts_both_sides_must_allow(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        silent = await world.actor(account="acme")
        able = await world.actor(allow("billing:*"), account="acme")
        assert await outcome(boss, principal=able.arn) == ("implicitDeny", "resource")
        await put_policy(admin, INVOICE, naming({"IAM": "acme"}, allow("billing:*")))
        decision = await decide(boss, principal=able.arn)
        assert [one["layer"] for one in decision["matched"]] == ["resource", "identity"]
        assert await outcome(boss, principal=silent.arn) == ("implicitDeny", "identity")
        named = await admin.http.put(
            f"/v1/resource-policies/{INVOICE}",
            json={"document": document(naming({"IAM": able.id}, allow("billing:*")))},
            headers=ANY,
        )
        assert named.status_code == 200
        assert (await decide(boss, principal=able.arn))["allowed"]

    async def test_mt_04_what_names_no_account_is_each_accounts_own(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        bucket = "arn:iam:s3:::bucket"
        stranger = await world.actor(allow("s3:*"), account="acme")
        own = await world.actor(allow("s3:*"))
        await put_policy(admin, bucket, naming("*", deny("s3:*")))
        question = {"action": "s3:GetObject", "resource": f"{bucket}/x"}
        assert (await decide(boss, principal=stranger.arn, **question))["allowed"]
        assert (await outcome(asker, principal=own.arn, **question))[0] == "explicitDeny"

    async def test_pe_12_who_gets_a_deleted_ones_name_inherits_nothing(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        orders = await world.actor(name="orders")
        await put_policy(admin, INVOICE, naming({"IAM": orders.arn}, allow("billing:*")))
        assert (await decide(asker, principal=orders.arn))["allowed"]
        gone = await admin.http.delete(f"/v1/services/{orders.id}", headers=ANY)
        assert gone.status_code == 204
        again = await world.actor(name="orders")
        assert again.arn == orders.arn
        assert await outcome(asker, principal=again.arn) == ("implicitDeny", "identity")

    async def test_pe_29_a_defective_one_denies_and_says_so(
        self, world: World, asker: Actor
    ) -> None:
        bob = await world.actor(allow("*"), name="bob")
        # Damaged in storage: no use case would write it, and the journal hears nothing of it.
        async with world.runtime.database.connect(writes=True) as connection, connection.begin():
            for resource in (INVOICE, bob.arn):
                row = {"resource": resource, "resource_key": resource_key("main", resource)}
                await connection.execute(
                    insert(ResourcePolicy).values(id=resource[-8:], **DAMAGED, **row)
                )
        orders = await world.actor(allow("*"))
        decision = await decide(asker, principal=orders.arn)
        assert (decision["decision"], decision["blocked_by"]) == ("implicitDeny", "resource")
        assert [INVOICE in finding for finding in decision["findings"]] == [True]
        assert (await bob.http.get("/v1/services/bob")).status_code == 403


class TestTrust:
    async def test_nobody_assumes_a_role_that_does_not_trust_them(
        self, world: World, admin: Actor, asker: Actor
    ) -> None:
        able, named = await world.actor(allow("*")), await world.actor()
        trusting = {"Effect": "Allow", "Principal": {"IAM": named.arn}, "Action": "sts:AssumeRole"}
        body = {"name": "deploy", "trust_policy": document(trusting)}
        created = await admin.http.post("/v1/roles", json=body)
        question = {"action": "sts:AssumeRole", "resource": created.json()["arn"]}
        assert await outcome(asker, principal=able.arn, **question) == ("implicitDeny", "resource")
        decision = await decide(asker, principal=named.arn, **question)
        assert [(one["layer"], one["policy"]) for one in decision["matched"]] == [
            ("resource", question["resource"])
        ]
        gone = "arn:iam:iam::main:role/gone"
        assert await outcome(asker, principal=able.arn, **{**question, "resource": gone}) == (
            "implicitDeny",
            "resource",
        )
        assert (await admin.http.post("/v1/roles/deploy:disable")).status_code == 200
        assert not (await decide(asker, principal=named.arn, **question))["allowed"]


class TestBothLanes:
    @pytest.mark.parametrize("limit", [10_000, 0], ids=["names kept", "too many names"])
    async def test_they_see_the_same_around_the_same_question(
        self, world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        monkeypatch.setattr(reading, "MAX_POLICED", limit)
        orders = await world.actor(allow("billing:*"))
        trusting = {"Effect": "Allow", "Principal": {"IAM": "main"}, "Action": "sts:AssumeRole"}
        body = {"name": "deploy", "trust_policy": document(trusting)}
        role = (await admin.http.post("/v1/roles", json=body)).json()["arn"]
        questions = [
            ("billing:GetInvoice", INVOICE),
            ("billing:GetInvoice", f"{INVOICE}/lines/1"),
            ("billing:GetInvoice", "arn:iam:billing::main:invoice/43"),
            ("billing:GetInvoice", "arn:iam:billing::acme:invoice/1"),
            ("sts:AssumeRole", role),
            ("STS:assumerole", f"{role}x"),
            ("iam:GetUser", "*"),
        ]
        for step in (None, SCP, RCP, INVOICE):
            if step in (SCP, RCP):
                await put(admin, step, deny("billing:GetInvoice", on=f"{INVOICE}/lines/*"))
                await attach(admin, step, "account/main")
            elif step:
                await put_policy(admin, step, naming("*", deny("billing:*", on="*")))
            for action, resource in questions:
                fast = await world.runtime.surroundings.find(
                    "main", action=action, resource=resource
                )
                async with world.work("main") as uow:
                    slow = await read_surroundings(
                        uow, "main", action=action, resource=resource, partition="iam"
                    )
                    facts = await gather(uow, orders.id, partition="iam")
                assert facts is not None
                assert (fast is NOTHING) is (slow is NOTHING)
                answers = [
                    engine(facts, action=action, resource=resource, context={}, around=around)
                    for around in (fast, slow)
                ]
                assert answers[0] == answers[1], (step, action, resource)

    async def test_what_has_no_policy_is_not_looked_up_again(
        self, world: World, asker: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        for number in range(20):
            resource = f"arn:iam:billing::main:invoice/{number}"
            assert (await decide(asker, principal=orders.arn, resource=resource))["allowed"]
        assert len(world.runtime.surroundings.resources) == 0
        assert len(world.runtime.surroundings.policed) == 1

    async def test_pe_24_another_replica_sees_a_change_by_itself(
        self, world: World, admin: Actor, database_url: str, tmp_path: Path
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        await world.actor(name="silent")
        async with open_world(database_url, tmp_path) as replica:
            there = Actor(**{
                **{name: getattr(admin, name) for name in ("id", "arn", "name", "account")},
                "token": admin.token,
                "http": replica.client(admin.token),
            })  # fmt: skip

            async def seen_soon(expected: str) -> None:
                began = time.monotonic()
                while (await outcome(there, principal=orders.arn))[0] != expected:
                    # Within a second where the machine is not busy.
                    assert time.monotonic() - began < 30
                    await anyio.sleep(0.02)  # answers come from memory: nothing else gives way

            await seen_soon("allowed")
            await put_policy(admin, INVOICE, naming({"IAM": orders.arn}, deny("billing:*")))
            await seen_soon("explicitDeny")
            address = f"/v1/resource-policies/{INVOICE}"
            assert (await admin.http.delete(address, headers=ANY)).status_code == 204
            await seen_soon("allowed")
            await put(admin, SCP, deny("billing:*"))
            await attach(admin, SCP, "installation")
            await seen_soon("explicitDeny")
