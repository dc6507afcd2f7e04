"""`GET /v1/principals/{reference}/access`: what somebody may do, and what limits it."""

from typing import Any

import httpx2
import pytest

from tests.world import Actor, Statement, World, allow, deny

pytestmark = pytest.mark.anyio

INVOICES = "arn:iam:billing::main:invoice/*"
INVOICE = "arn:iam:billing::main:invoice/42"


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(map(dict, statements))}


def ok(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def access(actor: Actor, reference: str, **query: Any) -> list[dict[str, Any]]:
    answer = ok(await actor.http.get(f"/v1/principals/{reference}/access", params=query))
    items: list[dict[str, Any]] = answer["items"]
    return items


async def test_every_statement_is_told_with_its_path_and_as_it_is_written(
    world: World, admin: Actor
) -> None:
    reader = await world.actor(allow("billing:GetInvoice", on=INVOICES), name="reader")
    http = admin.http
    ok(await http.post("/v1/groups", json={"name": "crowd"}))
    ok(await http.put("/v1/groups/crowd/members/service/reader"))
    body = {"name": "shop", "document": document(allow("shop:Get*", "shop:List*"))}
    policy = ok(await http.post("/v1/policies", json=body))
    ok(await http.put("/v1/groups/crowd/attached-policies/shop"))
    named = {**allow("billing:PayInvoice", on=INVOICE), "Principal": {"IAM": reader.arn}}
    ok(await http.put(f"/v1/resource-policies/{INVOICE}", json={"document": document(named)}))
    trust = {"Effect": "Allow", "Principal": {"IAM": reader.arn}, "Action": "sts:AssumeRole"}
    role = ok(
        await http.post("/v1/roles", json={"name": "deploy", "trust_policy": document(trust)})
    )
    found = {one["policy"]: one for one in await access(admin, "service/reader")}
    assert set(found) == {"inline:test", policy["arn"], INVOICE, role["arn"]}
    own = found["inline:test"]
    assert (own["actions"], own["resources"]) == (["billing:GetInvoice"], [INVOICES])
    assert (own["reach"], own["limits"], own["missing"], own["group"]) == ("full", [], [], None)
    assert found[policy["arn"]]["group"]["name"] == "crowd"
    assert found[policy["arn"]]["actions"] == ["shop:Get*", "shop:List*"]
    assert found[INVOICE]["layer"] == "resource"
    assert (found[role["arn"]]["actions"], found[role["arn"]]["resources"]) == (
        ["sts:AssumeRole"],
        [role["arn"]],
    )
    assert await access(admin, reader.id) == await access(admin, reader.arn)


async def test_what_denies_or_limits_a_statement_is_named_with_what_is_left_of_it(
    world: World, admin: Actor
) -> None:
    statements = (
        allow("billing:*", on=INVOICES),
        allow("shop:*"),
        allow("iam:GetUser"),
        deny("billing:PayInvoice"),
    )
    await world.actor(*statements, name="limited")
    http = admin.http
    limit = document(allow("billing:*", on=INVOICES), allow("shop:Get*"))
    ok(await http.post("/v1/policies", json={"name": "limit", "document": limit}))
    url = "/v1/services/limited/permissions-boundary"
    ok(await http.put(url, json={"policy": "limit"}, headers={"If-Match": "*"}))
    reach = {}
    for one in await access(admin, "service/limited"):
        key = f"{one['effect']} {one['actions'][0]}"
        limits = [f"{each['effect']} {each['layer']}" for each in one["limits"]]
        reach[key] = (one["reach"], limits, one["missing"])
    assert reach == {
        "Allow billing:*": ("limited", ["Deny identity"], []),
        "Allow shop:*": ("limited", ["Allow boundary"], []),
        "Allow iam:GetUser": ("nothing", [], ["boundary"]),
        "Deny billing:PayInvoice": ("full", [], []),
    }
    ok(await http.put("/v1/guardrails/scp/stop", json={"document": document(deny("billing:*"))}))
    ok(await http.put("/v1/guardrails/scp/stop/attachments/account/main"))
    (billing, *_) = await access(admin, "service/limited")
    assert billing["reach"] == "nothing"
    assert "scp" in {each["layer"] for each in billing["limits"]}


async def test_pages_follow_one_another(world: World, admin: Actor) -> None:
    await world.actor(*(allow(f"shop:Get{number}") for number in range(5)), name="many")
    whole = await access(admin, "service/many")
    paged: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not paged:
        query = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
        page = ok(await admin.http.get("/v1/principals/service/many/access", params=query))
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == whole
    assert len(whole) == 5


async def test_mt_who_may_not_ask_learns_neither_access_nor_existence(
    world: World, admin: Actor
) -> None:
    await world.account("acme")
    stranger = await world.actor(allow("*"), account="acme", name="stranger")
    curious = await world.actor(allow("iam:ListPrincipalAccess", on="arn:iam:iam:::x"))
    for reference in ("service/nobody", admin.arn, stranger.arn, "x"):
        answer = await curious.http.get(f"/v1/principals/{reference}/access")
        assert answer.status_code == 403, reference
    for reference in ("service/nobody", "x", "service/stranger"):
        answer = await admin.http.get(f"/v1/principals/{reference}/access")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = await admin.http.get(f"/v1/principals/{stranger.arn}/access")
    assert answer.status_code == 403
