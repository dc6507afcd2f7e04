"""`GET /v1/who-can`: everybody who may, how they may, and nobody else."""

import random  # noqa: TID251 -- seeded: the same documents in every run
from typing import Any

import httpx2
import pytest

from iam.features.demo.service import seed_company
from iam.work import Caller
from tests.iam.features.access.documents import random_context, random_statement
from tests.world import Actor, Statement, World, allow, deny

pytestmark = pytest.mark.anyio

READ = "billing:GetInvoice"
INVOICE = "arn:iam:billing::main:invoice/42"


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(map(dict, statements))}


def when(statement: Statement, **operators: dict[str, str]) -> Statement:
    return {**statement, "Condition": operators}


async def ok(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def ask(actor: Actor, action: str = READ, resource: str = INVOICE, **query: Any) -> Any:
    found = {"action": action, "resource": resource, "limit": 1000, **query}
    return await ok(await actor.http.get("/v1/who-can", params=found))


async def found(actor: Actor, action: str = READ, resource: str = INVOICE) -> dict[str, Any]:
    answer = await ask(actor, action, resource)
    return {one["name"]: one for one in answer["items"]}


class TestPaths:
    async def test_each_path_is_named_directly_through_a_group_and_by_the_resource(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(allow("billing:Get*"), name="direct")
        member = await world.actor(name="member")
        named = await world.actor(name="named")
        await world.actor(allow("billing:List*"), name="other")
        http = admin.http
        await ok(await http.post("/v1/groups", json={"name": "finance"}))
        await ok(await http.put("/v1/groups/finance/members/service/member"))
        body = {"name": "readers", "document": document(allow(READ))}
        policy = await ok(await http.post("/v1/policies", json=body))
        await ok(await http.put("/v1/groups/finance/attached-policies/readers"))
        grant = {**allow(READ, on=INVOICE), "Principal": {"IAM": named.arn}}
        url = f"/v1/resource-policies/{INVOICE}"
        await ok(await http.put(url, json={"document": document(grant)}))

        who = await found(admin)
        assert set(who) == {"direct", "member", "named", admin.name}
        assert {one["decision"] for one in who.values()} == {"allowed"}
        assert who["member"]["id"] == member.id
        (own,) = who["direct"]["paths"]
        assert (own["layer"], own["policy"], own["group"]) == ("identity", "inline:test", None)
        (through,) = who["member"]["paths"]
        assert (through["policy_id"], through["group"]["name"]) == (policy["id"], "finance")
        (by_resource,) = who["named"]["paths"]
        assert (by_resource["layer"], by_resource["policy"]) == ("resource", INVOICE)

    async def test_what_depends_on_the_circumstances_is_conditional_and_says_on_what(
        self, world: World, admin: Actor
    ) -> None:
        near = {"iam:SourceIp": "192.0.2.0/24"}
        await world.actor(when(allow(READ), IpAddress=near), name="near")
        closed = when(deny("billing:*"), StringEquals={"billing:State": "closed"})
        await world.actor(allow(READ), closed, name="open-only")
        await world.actor(
            when(allow(READ), StringEquals={"iam:username": "somebody"}), name="never"
        )
        await world.actor(when(allow(READ), StringEquals={"iam:username": "me"}), name="me")
        own = "arn:iam:billing::main:invoice/${billing:Number}"
        await world.actor(allow(READ, on=own), name="variable")
        who = await found(admin)
        assert set(who) == {"near", "open-only", "me", "variable", admin.name}
        decisions = {name: one["decision"] for name, one in who.items()}
        assert decisions == {
            "near": "conditional", "open-only": "conditional", "me": "allowed",
            "variable": "conditional", admin.name: "allowed",
        }  # fmt: skip
        (path,) = who["near"]["paths"]
        (condition,) = path["conditions"]
        expected = {"operator": "IpAddress", "key": "iam:SourceIp", "values": ["192.0.2.0/24"]}
        assert condition == expected
        (limit,) = who["open-only"]["limits"]
        assert (limit["effect"], limit["conditions"][0]["key"]) == ("Deny", "billing:State")

    async def test_boundaries_guardrails_and_a_disabled_principal_limit(
        self, world: World, admin: Actor
    ) -> None:
        http = admin.http
        await world.actor(allow("*"), name="bounded")
        await world.actor(allow("*"), name="disabled")
        await world.actor(allow("*"), name="free")
        body = {"name": "limit", "document": document(allow("shop:*"))}
        await ok(await http.post("/v1/policies", json=body))
        url = "/v1/services/bounded/permissions-boundary"
        await ok(await http.put(url, json={"policy": "limit"}, headers={"If-Match": "*"}))
        await ok(await http.post("/v1/services/disabled:disable"))
        assert set(await found(admin)) == {"free", admin.name}
        assert "bounded" in await found(admin, "shop:Get", "arn:iam:shop::main:order/1")
        await ok(await http.put("/v1/guardrails/scp/stop", json={"document": document(deny(READ))}))
        await ok(await http.put("/v1/guardrails/scp/stop/attachments/account/main"))
        assert set(await found(admin)) == set()

    async def test_a_role_is_assumed_by_whom_its_trust_policy_names(
        self, world: World, admin: Actor
    ) -> None:
        trusted = await world.actor(name="trusted")
        await world.actor(allow("sts:*"), name="not-trusted")
        trust = document(
            {"Effect": "Allow", "Principal": {"IAM": trusted.arn}, "Action": "sts:AssumeRole"}
        )
        body = {"name": "deploy", "trust_policy": trust}
        role = await ok(await admin.http.post("/v1/roles", json=body))
        assert set(await found(admin, "sts:AssumeRole", role["arn"])) == {"trusted"}


class TestPages:
    async def test_pages_follow_one_another_and_are_the_whole(
        self, world: World, admin: Actor
    ) -> None:
        for number in range(5):
            await world.actor(allow(READ), name=f"reader-{number}")
        whole = [one["id"] for one in (await ask(admin))["items"]]
        assert len(whole) == 6
        paged: list[str] = []
        cursor: str | None = None
        while cursor is not None or not paged:
            more = {"cursor": cursor} if cursor else {}
            page = await ask(admin, limit=2, **more)
            paged += [one["id"] for one in page["items"]]
            cursor = page["next_cursor"]
        assert paged == whole

    async def test_a_cursor_of_another_question_is_refused(
        self, world: World, admin: Actor
    ) -> None:
        for number in range(2):
            await world.actor(allow("*"), name=f"reader-{number}")
        cursor = (await ask(admin, limit=1))["next_cursor"]
        query = {"action": READ, "resource": "*", "cursor": cursor}
        answer = await admin.http.get("/v1/who-can", params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


class TestRefused:
    async def test_mt_only_of_ones_own_account_and_its_resources(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        stranger = await world.actor(allow("*"), account="acme", name="stranger")
        assert "stranger" not in await found(admin)
        assert set(await found(stranger, READ, "*")) == {"stranger"}
        query = {"action": READ, "resource": INVOICE}
        assert (await stranger.http.get("/v1/who-can", params=query)).status_code == 403
        elsewhere = {**query, "resource": "arn:iam:billing::acme:invoice/42"}
        assert (await admin.http.get("/v1/who-can", params=elsewhere)).status_code == 403

    async def test_who_may_not_ask_is_told_so(self, world: World) -> None:
        curious = await world.actor(allow("iam:ListPrincipalsWithAccess", on=f"{INVOICE[:-2]}7"))
        query = {"action": READ, "resource": INVOICE}
        assert (await curious.http.get("/v1/who-can", params=query)).status_code == 403
        narrow = {**query, "resource": INVOICE[:-2] + "7"}
        assert (await curious.http.get("/v1/who-can", params=narrow)).status_code == 200

    @pytest.mark.parametrize(
        ("action", "resource", "code"),
        [("billing:Get*", "*", "action_invalid"), ("billing", "*", "action_invalid"),
         ("a:B", "arn:x", "resource_invalid"), ("a:B", "", "resource_invalid")],
    )  # fmt: skip
    async def test_what_is_no_question_is_refused(
        self, admin: Actor, action: str, resource: str, code: str
    ) -> None:
        query = {"action": action, "resource": resource}
        answer = await admin.http.get("/v1/who-can", params=query)
        assert answer.status_code == 400
        assert answer.json()["code"] == code


async def decided(
    admin: Actor, principals: list[str], question: dict[str, Any], context: dict[str, Any]
) -> dict[str, bool]:
    """What `POST /v1/decisions` says about each principal."""
    allowed: dict[str, bool] = {}
    for start in range(0, len(principals), 20):
        some = principals[start : start + 20]
        asked = [{**question, "principal": arn, "context": context} for arn in some]
        answer = await ok(await admin.http.post("/v1/decisions", json={"evaluations": asked}))
        outcomes = [one["allowed"] for one in answer["decisions"]]
        allowed.update(zip(some, outcomes, strict=True))
    return allowed


async def agree(
    admin: Actor, principals: list[str], action: str, resource: str, contexts: list[dict[str, Any]]
) -> None:
    """Hold who-can against decisions: sure in every context, silent in none."""
    listed = {one["arn"]: one["decision"] for one in (await ask(admin, action, resource))["items"]}
    for context in contexts:
        question = {"action": action, "resource": resource}
        for arn, is_allowed in (await decided(admin, principals, question, context)).items():
            verdict = listed.get(arn)
            about = f"{arn} {action} {resource} {context}: {verdict}, decided {is_allowed}"
            assert verdict == "conditional" or is_allowed == (verdict == "allowed"), about


class TestAgreement:
    async def test_who_can_says_of_everybody_what_a_decision_says(
        self, world: World, admin: Actor
    ) -> None:
        chance = random.Random(20260701)  # noqa: S311 -- no secret
        names = ["alpha", "42", "bravo", "carol"]
        arns = [admin.arn]
        for name in names:
            statements = [random_statement(chance) for _ in range(3)]
            arns.append((await world.actor(*statements, name=f"{name}")).arn)
        http = admin.http
        await ok(await http.post("/v1/groups", json={"name": "crowd"}))
        await ok(await http.put("/v1/groups/crowd/members/service/bravo"))
        await ok(await http.put("/v1/groups/crowd/members/service/carol"))
        await ok(await http.post("/v1/services/alpha/tags", json={"tags": {"team": "alpha"}}))
        for name in ("shared", "limit", "guard"):
            body = {"name": name, "document": document(allow("*"))}
            await ok(await http.post("/v1/policies", json=body))
        await ok(await http.put("/v1/groups/crowd/attached-policies/shared"))
        url = "/v1/services/carol/permissions-boundary"
        await ok(await http.put(url, json={"policy": "limit"}, headers={"If-Match": "*"}))
        resource = f"/v1/resource-policies/{INVOICE}"
        for _ in range(4):
            for name in ("shared", "limit"):
                text = document(random_statement(chance), random_statement(chance))
                versions = (await ok(await http.get(f"/v1/policies/{name}/versions")))["items"]
                if len(versions) == 5:
                    oldest = versions[-1]["version_id"]
                    await ok(await http.delete(f"/v1/policies/{name}/versions/{oldest}"))
                version = {"document": text, "set_as_default": True}
                await ok(await http.post(f"/v1/policies/{name}/versions", json=version))
            named: Any = {"IAM": chance.choice(arns[1:])} if chance.random() < 0.7 else "*"
            grant: dict[str, Any] = {**random_statement(chance)}
            grant["Principal"] = named
            grant.pop("NotResource", None)
            grant["Resource"] = INVOICE
            if named == "*":
                grant["Condition"] = {"StringEquals": {"billing:State": "open"}}
            await http.delete(resource, headers={"If-Match": "*"})
            await ok(await http.put(resource, json={"document": document(grant)}))
            contexts = [{}, *(random_context(chance) for _ in range(2))]
            for asked in (INVOICE, "*"):
                await agree(admin, arns, READ, asked, contexts)

    async def test_who_can_says_of_the_demo_company_what_decisions_say(
        self, world: World, admin: Actor
    ) -> None:
        root = Caller.root(account="main", partition="iam", request_id="test")
        assert await seed_company(world.runtime.begin, root, anyway=True)
        arns = []
        for kind in ("users", "services", "roles"):
            page = await ok(await admin.http.get(f"/v1/{kind}?limit=200"))
            arns += [one["arn"] for one in page["items"]]
        assert len(arns) > 5
        for action, resource in (
            ("billing:GetInvoice", INVOICE),
            ("iam:CreateUser", "arn:iam:iam::main:user/x"),
            ("iam:GetUser", arns[0]),
            ("orders:ListOrders", "*"),
        ):
            await agree(admin, arns, action, resource, [{}, {"iam:SourceIp": "192.0.2.7"}])
