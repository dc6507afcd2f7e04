"""The JSON API of configuration, as who keeps access in a repository uses it."""

from copy import deepcopy
from typing import Any

import httpx2
import pytest

from iam.journal.events import EventType
from tests.configurations import SHOP, configured, document
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
ANY = {"If-Match": "*"}


async def post(actor: Actor, verb: str, found: dict[str, Any], **more: Any) -> httpx2.Response:
    return await actor.http.post(f"/v1/configuration:{verb}", json={"document": found, **more})


async def applied(actor: Actor, found: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "apply", found, **{"approve_widening": True, **more})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def planned(actor: Actor, found: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post(actor, "plan", found, **more)
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_document_is_applied_exported_changed_and_pruned(
    world: World, admin: Actor
) -> None:
    plan = await planned(admin, SHOP)
    assert (plan["widens"], len(plan["steps"])) == (True, 11)
    assert (await applied(admin, SHOP, plan=plan["plan"]))["plan"] == plan["plan"]
    again = await planned(admin, SHOP, prune=True)
    assert (again["steps"], again["effects"], again["adopted"]) == ([], [], [])
    exported = (await admin.http.get("/v1/configuration?name=shop")).json()["document"]
    assert (await planned(admin, exported))["steps"] == []
    changed = deepcopy(SHOP)
    changed["policies"]["read-invoices"]["document"] = document(allow("billing:GetInvoice"))
    changed["policies"]["read-invoices"]["tags"] = {"a": "b"}
    changed["users"]["ana"] |= {"tags": {"TEAM": "x"}, "permissions_boundary": "at-most"}
    changed["services"]["billing"] |= {"permissions_boundary": None, "inline_policies": {}}
    changed["services"]["billing"] |= {"description": "x", "owner": "user/ana", "audiences": []}
    changed["roles"]["deploy"] |= {"max_session_seconds": 900, "policies": []}
    changed["guardrails"]["scp/keep-audit-log"] |= {"targets": [], "description": "y"}
    changed["groups"]["finance"]["members"] = ["service/billing"]
    del changed["groups"]["packers"], changed["services"]["orders"], changed["roles"]["deploy"]
    del changed["resource_policies"]
    await applied(admin, changed, prune=True)
    assert (await planned(admin, changed, prune=True))["steps"] == []
    await applied(admin, configured(), prune=True)
    left = (await admin.http.get("/v1/configuration?name=shop")).json()["document"]
    assert set(left) == {"configuration", "groups", "services"}
    types = [event.type for event in await world.events()]
    assert types[-1] == EventType.CONFIGURATION_DELETED
    assert types.count(EventType.CONFIGURATION_APPLIED) == 2


@ON_SQLITE
async def test_a_document_that_says_the_same_makes_no_version_and_the_sixth_has_room(
    admin: Actor,
) -> None:
    def reading(*actions: str) -> dict[str, Any]:
        return configured(policies={"read": {"document": document(allow(*actions))}})

    await applied(admin, reading("a:A", "a:B"))
    await applied(admin, reading("a:b", "A:a"))
    versions = (await admin.http.get("/v1/policies/read/versions")).json()["items"]
    assert [one["version_id"] for one in versions] == ["v1"]
    for number in range(6):
        await applied(admin, reading(f"a:Number{number}"))
    versions = (await admin.http.get("/v1/policies/read/versions")).json()["items"]
    assert [one["version_id"] for one in versions] == ["v7", "v6", "v5", "v4", "v3"]
    assert versions[0]["is_default"]


@ON_SQLITE
async def test_what_widens_is_not_applied_before_somebody_approved_it(
    world: World, admin: Actor
) -> None:
    assert code(await post(admin, "apply", SHOP)) == (409, "widening_not_approved")
    assert (await admin.http.get("/v1/groups/finance")).status_code == 404
    answer = await post(admin, "apply", SHOP, approved_by="Ana Costa, CHANGE-7")
    assert answer.status_code == 200, answer.text
    narrower = configured(groups={"finance": {"policies": []}})
    assert (await post(admin, "apply", narrower)).status_code == 200
    told = [one for one in await world.events() if one.type == EventType.CONFIGURATION_APPLIED]
    first, second = (one.detail or {} for one in told)
    assert (first["approved_by"], second["approved_by"]) == ("Ana Costa, CHANGE-7", None)
    assert told[0].subject == "arn:iam:iam::main:configuration/shop"
    assert first["steps"] == {"create": 11, "update": 0, "delete": 0}


@ON_SQLITE
async def test_a_plan_that_is_not_what_was_shown_any_more_is_not_applied(admin: Actor) -> None:
    plan = await planned(admin, SHOP)
    await admin.http.post("/v1/groups", json={"name": "finance"})
    refused = await post(admin, "apply", SHOP, plan=plan["plan"], approve_widening=True)
    assert code(refused) == (409, "plan_outdated")
    assert (await admin.http.get("/v1/users/ana")).status_code == 404
    other = deepcopy(SHOP)
    other["users"]["ana"]["display_name"] = "Somebody else"
    now = await planned(admin, SHOP)
    refused = await post(admin, "apply", other, plan=now["plan"], approve_widening=True)
    assert code(refused) == (409, "plan_outdated")


@ON_SQLITE
async def test_aa_02_every_change_takes_its_own_permission_and_all_or_nothing_is_kept(
    world: World,
) -> None:
    own = "arn:iam:iam::main:"
    details = allow("iam:ApplyConfiguration", "iam:GetAccountAuthorizationDetails")
    clerk = await world.actor(
        details, allow("iam:CreateGroup", "iam:GetGroup", on=f"{own}group/*"), name="clerk"
    )
    small = configured(groups={"a": {}, "b": {}}, users={"eve": {}})
    before = len(await world.events())
    refused = await post(clerk, "apply", small)
    assert code(refused) == (403, "access_denied")
    assert refused.json()["detail"].startswith("user/eve: ")
    assert "iam:CreateUser" in refused.json()["detail"]
    assert (await clerk.http.get("/v1/groups/a")).status_code == 404
    (event,) = (await world.events())[before:]
    assert (event.type, event.outcome) == (EventType.ACCESS_DENIED, "denied")
    await applied(clerk, configured(groups={"a": {}}), approve_widening=False)
    stranger = await world.actor(allow("iam:GetGroup"), name="stranger")
    for verb in ("plan", "apply"):
        assert code(await post(stranger, verb, small)) == (403, "access_denied")
    assert (await stranger.http.get("/v1/configuration")).status_code == 403


@ON_SQLITE
async def test_pe_32_a_right_that_one_step_takes_from_the_caller_is_gone_at_the_next(
    world: World, admin: Actor
) -> None:
    clerk = await world.actor(name="clerk")
    rights = document(allow("iam:*"))
    groups: dict[str, Any] = {"a-clerks": {"inline_policies": {"all": rights}}, "b": {}}
    groups["a-clerks"]["members"] = ["service/clerk"]
    await applied(admin, configured(groups=groups))
    groups["b"]["description"] = "changed"
    await applied(clerk, configured(groups=groups), approve_widening=False)
    groups["a-clerks"]["inline_policies"] = {}
    groups["b"]["description"] = "changed again"
    refused = await post(clerk, "apply", configured(groups=groups))
    assert code(refused) == (403, "access_denied")
    assert refused.json()["detail"].startswith("group/b: ")
    assert (await clerk.http.get("/v1/groups/b")).json()["description"] == "changed"


@ON_SQLITE
async def test_pe_22_what_cannot_be_read_elsewhere_is_not_exported_or_planned(
    world: World, admin: Actor
) -> None:
    await applied(admin, SHOP)
    curious = await world.actor(
        allow("*"), deny("iam:GetPolicyVersion", on="arn:iam:iam::main:policy/at-most"), name="x"
    )
    assert (await curious.http.get("/v1/configuration?name=shop")).status_code == 403
    assert (await curious.http.get("/v1/configuration?name=*")).status_code == 400
    groups = await curious.http.get("/v1/configuration?section=groups&name=shop")
    assert set(groups.json()["document"]) == {"configuration", "groups"}
    policy = configured(policies={"at-most": {"description": "mine"}})
    assert (await post(curious, "plan", policy)).status_code == 403


@ON_SQLITE
async def test_nobody_applies_an_account_into_being_without_an_administrator(
    world: World, admin: Actor
) -> None:
    del world
    secret = {"kind": "client_secret"}
    made = await admin.http.post(f"/v1/services/{admin.name}/credentials", json=secret)
    assert made.status_code == 201, made.text
    nobody = configured(
        groups={"administrators": {"members": []}, "others": {"policies": ["ReadOnlyAccess"]}}
    )
    refused = await post(admin, "apply", nobody, approve_widening=True)
    assert code(refused) == (409, "last_administrator")
    assert (await admin.http.get("/v1/groups/others")).status_code == 404


@ON_SQLITE
async def test_what_was_done_by_hand_is_planned_back_and_unmanaged_things_stay(
    admin: Actor,
) -> None:
    await applied(admin, SHOP)
    await admin.http.put("/v1/groups/packers/attached-policies/ReadOnlyAccess")
    await admin.http.post("/v1/groups", json={"name": "by-hand"})
    await admin.http.delete("/v1/guardrails/scp/keep-audit-log/attachments/account/main")
    plan = await planned(admin, SHOP, prune=True)
    assert [step["object"] for step in plan["steps"]] == [
        "group/packers", "guardrail/scp/keep-audit-log",
    ]  # fmt: skip
    assert plan["steps"][0]["words"] == ["change group/packers", "policies: - ReadOnlyAccess"]
    assert not plan["widens"]
    await applied(admin, SHOP, prune=True)
    assert (await admin.http.get("/v1/groups/by-hand")).status_code == 200


async def test_mt_01_an_account_plans_and_exports_nothing_but_its_own(
    world: World, admin: Actor
) -> None:
    await applied(admin, SHOP)
    await world.account("acme")
    boss = await world.administrator("acme")
    exported = (await boss.http.get("/v1/configuration?name=shop")).text
    assert "finance" not in exported
    assert "keep-audit-log" not in exported
    small = configured(
        groups={"finance": {}}, guardrails={"scp/own": {"document": document(deny("a:*"))}}
    )
    assert code(await post(boss, "plan", small)) == (400, "configuration_invalid")
    assert (await boss.http.get("/v1/groups/finance")).status_code == 404
