"""`GET /v1/why`: what was decided, from what, and the last change that made it so."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from iam.models import DeniedQuestion
from tests.world import Actor, Statement, World, allow, deny

pytestmark = pytest.mark.anyio

READ = "billing:GetInvoice"
INVOICE = "arn:iam:billing::main:invoice/42"
ANY = {"If-Match": "*"}
HOUR = timedelta(hours=1)


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(map(dict, statements))}


def ok(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def why(actor: Actor, principal: str = "service/orders", **query: Any) -> dict[str, Any]:
    asked = {"principal": principal, "action": READ, "resource": INVOICE, **query}
    answer: dict[str, Any] = ok(await actor.http.get("/v1/why", params=asked))
    return answer


async def by_id(actor: Actor, decision_id: str) -> httpx2.Response:
    return await actor.http.get("/v1/why", params={"decision_id": decision_id})


async def decide(world: World, actor: Actor, arn: str, **more: Any) -> dict[str, Any]:
    question = {"principal": arn, "action": READ, "resource": INVOICE, **more}
    body = {"evaluations": [question]}
    (answer,) = ok(await actor.http.post("/v1/decisions", json=body))["decisions"]
    await world.runtime.tools.denied_questions.flush()
    decision: dict[str, Any] = answer
    return decision


class TestNow:
    async def test_the_full_form_tells_the_nearest_miss_and_the_short_one_what_is_safe(
        self, world: World, admin: Actor
    ) -> None:
        near = {**allow(READ), "Condition": {"IpAddress": {"iam:SourceIp": "192.0.2.0/24"}}}
        orders = await world.actor(near, name="orders")
        full = await why(admin, context="iam:SourceIp=203.0.113.9")
        assert (full["form"], full["decision"]) == ("full", "implicitDeny")
        miss = full["explanation"]["nearest_miss"]
        assert (miss["policy"], miss["failed"]) == ("inline:test", ["IpAddress iam:SourceIp"])
        short = await why(orders)
        assert (short["form"], short["explanation"], short["last_change"]) == ("short", None, None)
        assert short["unmet"] == ["iam:SourceIp"]
        assert "192.0.2" not in str(short)
        assert (await why(orders, context="iam:SourceIp=192.0.2.7"))["allowed"]

    async def test_nobody_else_is_told_anything(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        stranger = await world.actor(allow("*"), account="acme")
        orders = await world.actor(name="orders")
        curious = await world.actor()
        denied = await decide(world, admin, orders.arn)
        for actor in (curious, stranger):
            query = {"principal": orders.arn, "action": READ, "resource": INVOICE}
            assert (await actor.http.get("/v1/why", params=query)).status_code == 403
            answer = await by_id(actor, denied["decision_id"])
            assert (answer.status_code, answer.json()["code"]) == (404, "decision_not_kept")

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"principal": "service/orders", "action": READ},
            {"decision_id": "dec_x", "principal": "service/orders"},
            {"principal": "service/orders", "action": READ, "resource": "*", "context": "x"},
            {"principal": "service/orders", "action": READ, "resource": "*",
             "context": "iam:username=x"},
            {"principal": "service/orders", "action": READ, "resource": "*",
             "at": "2999-01-01T00:00:00Z"},
        ],
    )  # fmt: skip
    async def test_what_is_no_question_is_refused(
        self, world: World, admin: Actor, query: dict[str, str]
    ) -> None:
        await world.actor(name="orders")
        assert (await admin.http.get("/v1/why", params=query)).status_code == 400


class TestDecisions:
    async def test_a_denied_question_is_kept_with_its_circumstances_and_asked_for_by_id(
        self, world: World, admin: Actor
    ) -> None:
        small = {**allow(READ), "Condition": {"NumericLessThan": {"billing:amount": "100"}}}
        orders = await world.actor(small, name="orders")
        context = {"billing:amount": 120}
        first = await decide(world, admin, orders.arn, context=context)
        again = [await decide(world, admin, orders.arn, context=context) for _ in range(2)]
        for decision in (first, again[-1]):
            told = ok(await by_id(admin, decision["decision_id"]))
            assert (told["decision"], told["context"]) == ("implicitDeny", context)
            assert told["explanation"]["nearest_miss"]["failed"] == [
                "NumericLessThan billing:amount"
            ]
        # In between there were too many to keep, and an allowed one is not kept at all.
        fine = await decide(world, admin, orders.arn, context={"billing:amount": 1})
        for decision in (again[0], fine):
            answer = await by_id(admin, decision["decision_id"])
            assert (answer.status_code, answer.json()["code"]) == (404, "decision_not_kept")
            assert "ask with principal" in answer.json()["detail"]
        own = ok(await by_id(orders, first["decision_id"]))
        assert (own["form"], own["context"]) == ("short", {})
        async with world.work() as uow:
            (kept,) = (await uow.scalars(select(DeniedQuestion))).all()
            assert (kept.times, kept.asker_id) == (3, admin.id)

    async def test_it_is_forgotten_after_a_week(self, world: World, admin: Actor) -> None:
        orders = await world.actor(name="orders")
        denied = await decide(world, admin, orders.arn)
        await world.advance(timedelta(days=6))
        await world.run_job("prune-denied-questions")
        fresh = await world.administrator()
        assert (await by_id(fresh, denied["decision_id"])).is_success
        await world.advance(timedelta(days=2))
        await world.run_job("prune-denied-questions")
        fresh = await world.administrator()
        assert (await by_id(fresh, denied["decision_id"])).status_code == 404

    async def test_a_refusal_of_this_service_is_explained_from_the_audit_log(
        self, world: World, admin: Actor
    ) -> None:
        tagging = {
            **allow("iam:TagUser"),
            "Condition": {"StringEquals": {"iam:RequestTag/team": "shop"}},
        }
        desk = await world.actor(tagging, name="desk")
        ok(await admin.http.post("/v1/users", json={"name": "ana"}))
        tags = {"tags": {"team": "billing"}}
        refused = await desk.http.post("/v1/users/ana/tags", json=tags)
        assert refused.status_code == 403
        await world.runtime.tools.denials.flush()
        told = ok(await by_id(admin, refused.json()["decision_id"]))
        assert (told["principal"], told["action"]) == (desk.arn, "iam:TagUser")
        assert told["explanation"]["nearest_miss"]["failed"] == ["StringEquals iam:RequestTag/team"]

    async def test_an_allowed_decision_that_changed_something_is_said_to_be_one(
        self, world: World, admin: Actor
    ) -> None:
        ok(await admin.http.post("/v1/users", json={"name": "ana"}))
        event = [one for one in await world.events() if one.type == "iam.user.created.v1"][-1]
        assert event.decision_id is not None
        answer = await by_id(admin, event.decision_id)
        assert "it was allowed" in answer.json()["detail"]


class Company:
    """Whoever changes one thing an hour, and asks what came of it."""

    def __init__(self, world: World, admin: Actor) -> None:
        self.world = world
        self.admin = admin

    async def change(self, method: str, path: str, body: Any = None) -> str:
        """Change something; returns the instant after it."""
        await self.world.advance(timedelta(minutes=1))
        answer = await self.admin.http.request(method, path, json=body, headers=ANY)
        if answer.status_code == 412:  # it is not there yet
            answer = await self.admin.http.request(method, path, json=body)
        ok(answer)
        return self.world.clock.now().isoformat()


class TestPast:
    async def test_each_kind_of_change_that_turned_it_is_found_and_undone(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="orders")
        company = Company(world, admin)
        change = company.change
        inline = "/v1/services/orders/inline-policies/own"
        boundary = "/v1/services/orders/permissions-boundary"
        await change("POST", "/v1/groups", {"name": "crowd"})
        for name, statement in (("reader", allow(READ)), ("limit", allow("shop:*"))):
            body = {"name": name, "document": document(statement)}
            await change("POST", "/v1/policies", body)
        await change("PUT", "/v1/groups/crowd/members/service/orders")
        guardrail = {"document": document(deny(READ))}
        denying = {"document": document(deny(READ)), "set_as_default": True}
        grant = {
            **allow(READ, on=INVOICE),
            "Principal": {"IAM": "arn:iam:iam::main:service/orders"},
        }
        steps: list[tuple[str, str, Any, bool, str]] = [
            ("PUT", inline, {"document": document(allow("shop:*"))}, False, ""),
            ("PUT", inline, {"document": document(allow(READ))}, True, "inline_policy_put"),
            ("DELETE", inline, None, False, "inline_policy_deleted"),
            ("PUT", "/v1/groups/crowd/attached-policies/reader", None, True, "policy_attached"),
            ("DELETE", "/v1/groups/crowd/members/service/orders", None, False, "member_removed"),
            ("PUT", "/v1/groups/crowd/members/service/orders", None, True, "member_added"),
            ("POST", "/v1/policies/reader/versions", denying, False, "version_created"),
            (
                "POST", "/v1/policies/reader/versions/v1:set-default", None, True,
                "default_version_set",
            ),
            ("PUT", boundary, {"policy": "limit"}, False, "permissions_boundary_put"),
            ("DELETE", boundary, None, True, "permissions_boundary_deleted"),
            ("PUT", "/v1/guardrails/scp/stop", guardrail, True, "permissions_boundary_deleted"),
            ("PUT", "/v1/guardrails/scp/stop/attachments/account/main", None, False, "attached"),
            ("DELETE", "/v1/guardrails/scp/stop/attachments/account/main", None, True, "detached"),
            ("POST", "/v1/services/orders:disable", None, False, "disabled"),
            ("POST", "/v1/services/orders:enable", None, True, "enabled"),
            ("DELETE", "/v1/groups/crowd/attached-policies/reader", None, False, "policy_detached"),
            (
                "PUT", f"/v1/resource-policies/{INVOICE}", {"document": document(grant)}, True,
                "created",
            ),
            ("DELETE", f"/v1/resource-policies/{INVOICE}", None, False, "deleted"),
        ]  # fmt: skip
        seen: list[tuple[str, bool, str]] = []
        for method, path, body, allowed, verb in steps:
            at = await change(method, path, body)
            seen.append((at, allowed, verb))
            now = await why(admin)
            assert now["allowed"] is allowed, f"{method} {path}: {now}"
            assert now["allowed_now"] is None
            last = (now["last_change"] or {"type": ""})["type"]
            assert last.removesuffix(".v1").rpartition(".")[2] == verb, f"{method} {path}: {last}"
        for at, allowed, verb in seen:
            then = await why(admin, at=at)
            assert (then["allowed"], then["allowed_now"]) == (allowed, False), verb
            last = (then["last_change"] or {"type": ""})["type"]
            assert last.removesuffix(".v1").rpartition(".")[2] == verb, verb
            assert then["notes"] == []

    async def test_before_it_was_made_there_is_nobody_to_ask_about(
        self, world: World, admin: Actor
    ) -> None:
        before = world.clock.now().isoformat()
        await world.advance(timedelta(minutes=1))
        await world.actor(allow(READ), name="orders")
        assert (await why(admin))["last_change"]["type"] == "iam.service.created.v1"
        query = {"principal": "service/orders", "action": READ, "resource": "*", "at": before}
        assert (await admin.http.get("/v1/why", params=query)).status_code == 404

    async def test_a_decision_is_explained_by_what_held_when_it_was_made(
        self, world: World, admin: Actor
    ) -> None:
        orders = await world.actor(deny("*"), name="orders")
        denied = await decide(world, admin, orders.arn)
        company = Company(world, admin)
        inline = "/v1/services/orders/inline-policies/test"
        await company.change("PUT", inline, {"document": document(allow(READ))})
        told = ok(await by_id(admin, denied["decision_id"]))
        assert (told["decision"], told["allowed_now"]) == ("explicitDeny", True)
        assert told["explanation"]["matched"][0]["effect"] == "Deny"

    async def test_whether_a_role_may_be_assumed_follows_its_trust_policy_through_time(
        self, world: World, admin: Actor
    ) -> None:
        orders = await world.actor(name="orders")
        company = Company(world, admin)

        def trust(arn: str) -> dict[str, Any]:
            grant = {"Effect": "Allow", "Principal": {"IAM": arn}, "Action": "sts:AssumeRole"}
            return {"trust_policy": document(grant)}

        await company.change("POST", "/v1/roles", {"name": "deploy", **trust(orders.arn)})
        at = world.clock.now().isoformat()
        await company.change("PUT", "/v1/roles/deploy/trust-policy", trust(admin.arn))
        role = {"action": "sts:AssumeRole", "resource": "arn:iam:iam::main:role/deploy"}
        now = await why(admin, **role)
        assert not now["allowed"]
        assert now["last_change"]["type"] == "iam.role.trust_policy_updated.v1"
        assert (await why(admin, **role, at=at))["allowed"]
