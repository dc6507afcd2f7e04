"""The JSON API of guardrails, as an operator of `main` sees it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
URL = "/v1/guardrails/scp/stop"
ARN = "arn:iam:organizations::main:policy/service_control_policy/stop"


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(map(dict, statements))}


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def put(actor: Actor, *statements: Mapping[str, Any], url: str = URL) -> dict[str, Any]:
    answer = await actor.http.put(url, json={"document": document(*statements)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def attach(actor: Actor, target: str, *, url: str = URL) -> httpx2.Response:
    return await actor.http.put(f"{url}/attachments/{target}")


async def targets(actor: Actor, url: str) -> list[str]:
    listed = await actor.http.get(f"{url}/attachments")
    return [one["target"] for one in listed.json()["items"]]


async def events_of(world: World) -> list[tuple[str, Any]]:
    found = await world.events()
    return [
        (one.type.split(".")[2], one.detail)
        for one in found
        if one.type.startswith("iam.guardrail.") and one.subject == ARN
    ]


class TestGuardrails:
    async def test_a_guardrail_is_written_read_listed_attached_and_deleted(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        written = await put(admin, deny("billing:*"))
        assert [one["path"] for one in written.pop("findings")] == ["$.Statement"]
        assert (written["arn"], written["kind"], written["is_shipped"]) == (ARN, "scp", False)
        assert written["document"] == document(deny("billing:*"))
        read = await admin.http.get("/v1/guardrails/scp/STOP")
        assert (read.json(), read.headers["etag"]) == (written, f'"{written["version"]}"')
        listed = (await admin.http.get("/v1/guardrails?kind=scp")).json()["items"]
        assert [one["name"] for one in listed] == ["FullAccess", "stop"]
        for target in ("account/acme", "installation", "account/acme"):
            assert (await attach(admin, target)).json()["target"] == target
        assert await targets(admin, URL) == ["account/acme", "installation"]
        assert code(await admin.http.delete(URL, headers=ANY)) == (409, "guardrail_in_use")
        for target in ("account/acme", "installation"):
            gone = await admin.http.delete(f"{URL}/attachments/{target}")
            assert gone.status_code == 204
        assert code(await admin.http.delete(f"{URL}/attachments/installation"))[0] == 404
        assert (await admin.http.delete(URL, headers=ANY)).status_code == 204
        acme = {"target": "arn:iam:organizations::main:account/acme"}
        everything = {"target": "arn:iam:iam::main:installation"}
        assert await events_of(world) == [
            ("created", None),
            ("attached", acme),
            ("attached", everything),
            ("detached", acme),
            ("detached", everything),
            ("deleted", None),
        ]

    async def test_aa_11_who_has_not_seen_a_guardrail_does_not_replace_it(
        self, world: World, admin: Actor
    ) -> None:
        first = await put(admin, deny("billing:*"))
        body = {"document": document(deny("orders:*")), "description": "more"}
        assert code(await admin.http.put(URL, json=body))[0] == 428
        stale = {"If-Match": f'"{first["version"] + 1}"'}
        assert code(await admin.http.put(URL, json=body, headers=stale))[0] == 412
        seen = {"If-Match": f'"{first["version"]}"'}
        changed = await admin.http.put(URL, json=body, headers=seen)
        assert changed.json()["description"] == "more"
        await admin.http.put(URL, json=body, headers=ANY)
        assert [kind for kind, _ in await events_of(world)] == ["created", "updated"]

    async def test_pe_21_a_defective_guardrail_is_refused_with_its_paths(
        self, admin: Actor
    ) -> None:
        named = {**deny("billing:*"), "Principal": {"IAM": "main"}}
        for url, statement, path in (
            (URL, {**deny("a:b"), "Effect": "deny"}, "$.Statement[0].Effect"),
            (URL, {**deny("a:b"), "Principal": "*"}, "$.Statement[0].Principal"),
            ("/v1/guardrails/rcp/stop", named, "$.Statement[0].Principal"),
            ("/v1/guardrails/rcp/stop", allow("a:b"), "$.Statement[0].Effect"),
        ):
            answer = await admin.http.put(url, json={"document": document(statement)})
            assert code(answer) == (400, "policy_invalid")
            assert [one["path"] for one in answer.json()["errors"]] == [path]

    async def test_what_is_shipped_stays_as_it_is(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        for kind in ("scp", "rcp"):
            url = f"/v1/guardrails/{kind}/FullAccess"
            assert await targets(admin, url) == [
                "installation", "account/iam", "account/main", "account/acme",
            ]  # fmt: skip
            body = {"document": document(deny("*"))}
            answer = await admin.http.put(url, json=body, headers=ANY)
            assert code(answer) == (409, "guardrail_is_shipped")
            assert code(await admin.http.delete(url, headers=ANY))[0] == 409
        fixed = await admin.http.delete("/v1/guardrails/rcp/FullAccess/attachments/account/acme")
        assert code(fixed) == (409, "guardrail_is_fixed")

    async def test_what_does_not_exist_is_no_target(self, admin: Actor) -> None:
        await put(admin, deny("billing:*"))
        for target, expected in (
            ("account/nobody", 404),
            ("account/iam", 404),
            ("account/", 400),
            ("group/staff", 400),
        ):
            assert (await attach(admin, target)).status_code == expected
        missing = await attach(admin, "installation", url="/v1/guardrails/scp/missing")
        assert code(missing)[0] == 404

    async def test_a_level_has_as_many_as_the_settings_allow(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        for number in range(5):
            url = f"/v1/guardrails/scp/g{number}"
            await put(admin, deny("billing:*"), url=url)
            answer = await attach(admin, "account/acme", url=url)
        assert code(answer) == (409, "too_many_guardrails")

    async def test_mt_01_only_main_looks_after_guardrails(self, world: World) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        listed = await boss.http.get("/v1/guardrails")
        assert code(listed) == (403, "access_denied")
        for name in ("FullAccess", "missing"):
            answer = await boss.http.get(f"/v1/guardrails/scp/{name}")
            assert code(answer) == (403, "access_denied")

    async def test_pe_02_attaching_takes_permission_on_guardrail_and_target(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        await put(admin, deny("billing:*"))
        one = await world.actor(allow("organizations:AttachPolicy", on=ARN))
        target = "arn:iam:organizations::main:account/acme"
        other = await world.actor(allow("organizations:AttachPolicy", on=target))
        both = await world.actor(
            allow("organizations:AttachPolicy", on=ARN),
            allow("organizations:AttachPolicy", on=target),
        )
        for actor, expected in ((one, 403), (other, 403), (both, 200)):
            assert (await attach(actor, "account/acme")).status_code == expected

    async def test_who_may_only_change_guardrails_makes_none(self, world: World) -> None:
        actor = await world.actor(allow("organizations:UpdatePolicy"))
        body = {"document": document(deny("billing:*"))}
        assert (await actor.http.put(URL, json=body)).status_code == 403


class TestBinding:
    """What guardrails do to the operations of this service itself."""

    async def test_they_bind_every_account_and_administrators_too(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        assert (await boss.http.get("/v1/users")).status_code == 200
        await put(admin, deny("iam:ListUsers"))
        await attach(admin, "account/acme")
        assert (await boss.http.get("/v1/users")).status_code == 403
        assert (await admin.http.get("/v1/users")).status_code == 200
        await attach(admin, "installation")
        assert (await admin.http.get("/v1/users")).status_code == 403

    async def test_a_level_without_an_allow_allows_nothing(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        url = "/v1/guardrails/scp/FullAccess/attachments/account/acme"
        assert (await admin.http.delete(url)).status_code == 204
        assert (await boss.http.get("/v1/users")).status_code == 403
        await put(admin, allow("iam:ListUsers"))
        await attach(admin, "account/acme")
        assert (await boss.http.get("/v1/users")).status_code == 200
        assert (await boss.http.get("/v1/groups")).status_code == 403

    async def test_those_for_resources_bind_whose_resources_they_are(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        url = "/v1/guardrails/rcp/stop"
        await put(admin, deny("iam:ListUsers"), url=url)
        await attach(admin, "account/acme", url=url)
        assert (await boss.http.get("/v1/users")).status_code == 403
        assert (await admin.http.get("/v1/users")).status_code == 200

    async def test_the_root_of_main_is_above_them_and_no_other(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        await put(admin, deny("iam:ListUsers"))
        await attach(admin, "installation")
        async with world.work("main") as uow:
            await authorize(uow, Action.LIST_USERS, "arn:iam:iam::main:user/*")
        with pytest.raises(IamError, match="not allowed"):
            async with world.work("acme") as uow:
                await authorize(uow, Action.LIST_USERS, "arn:iam:iam::acme:user/*")

    async def test_pe_32_a_change_under_way_ends_before_a_guardrail_binds_it(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        await put(admin, deny("iam:ListUsers"))
        async with world.work("acme") as uow:
            await uow.hold_account("acme")
            attaching = asyncio.create_task(attach(admin, "installation"))
            await asyncio.sleep(0.3)
            assert not attaching.done()
        assert (await attaching).status_code == 200

    async def test_mt_09_a_deleted_accounts_guardrails_are_gone(
        self, world: World, admin: Actor
    ) -> None:
        create = {"name": "acme"}
        assert (await admin.http.post("/v1/accounts", json=create)).status_code == 201
        await put(admin, deny("iam:*"))
        await attach(admin, "account/acme")
        await admin.http.post("/v1/accounts/acme:suspend")
        deleted = await admin.http.delete("/v1/accounts/acme", headers=ANY)
        assert deleted.status_code == 204, deleted.text
        assert await targets(admin, URL) == []
        assert (await admin.http.post("/v1/accounts", json=create)).status_code == 201
        boss = await world.administrator("acme")
        assert (await boss.http.get("/v1/users")).status_code == 200
