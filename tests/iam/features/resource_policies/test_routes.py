"""The JSON API of resource policies, and what they do to our own operations."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import select

from iam.models import ResourcePolicy
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
INVOICE = "arn:iam:billing::main:invoice/42"
ALL = "/v1/resource-policies"


def url(resource: str = INVOICE) -> str:
    return f"{ALL}/{quote(resource, safe='')}"


def document(principal: Any, *actions: str, effect: str = "Allow") -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": list(actions or ["*"]),
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


async def put(
    actor: Actor, policy: dict[str, Any], resource: str = INVOICE, **headers: str
) -> httpx2.Response:
    return await actor.http.put(url(resource), json={"document": policy}, headers=headers)


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


class TestResourcePolicies:
    async def test_a_policy_is_written_read_listed_and_deleted(
        self, world: World, admin: Actor
    ) -> None:
        alice = await world.actor(name="alice")
        policy = document({"IAM": [alice.arn, "arn:iam:iam::main:root"]}, "billing:GetInvoice")
        answer = await put(admin, policy)
        assert answer.status_code == 200, answer.text
        written = answer.json()
        assert written.pop("findings") == []
        assert (written["resource"], written["document"]) == (INVOICE, policy)
        for address in (url(), f"{ALL}/{INVOICE}"):
            read = await admin.http.get(address)
            assert (read.json(), read.headers["etag"]) == (written, f'"{written["version"]}"')
        for prefix, expected in (("", 1), ("arn:iam:billing:", 1), ("arn:iam:BILLING:", 0)):
            listed = await admin.http.get(ALL, params={"prefix": prefix})
            assert len(listed.json()["items"]) == expected
        assert code(await put(admin, policy))[0] == 428
        changed = document({"IAM": alice.arn}, "iam:GetUsre")
        tag = {"If-Match": f'"{written["version"]}"'}
        replaced = (await put(admin, changed, **tag)).json()
        assert replaced["document"] == changed
        assert [one["code"] for one in replaced["findings"]] == ["unknown-action"]
        assert code(await admin.http.delete(url(), headers=tag))[0] == 412
        assert (await admin.http.delete(url(), headers=ANY)).status_code == 204
        assert code(await admin.http.get(url()))[0] == 404
        kinds = [
            event.type.split(".")[2]
            for event in await world.events()
            if event.subject == INVOICE and event.type.startswith("iam.resource_policy.")
        ]
        assert kinds == ["created", "updated", "deleted"]

    async def test_pe_12_principals_are_kept_by_id(self, world: World, admin: Actor) -> None:
        alice = await world.actor(name="alice")
        assert (await put(admin, document({"IAM": alice.arn}))).status_code == 200
        async with world.work() as uow:
            stored = await uow.scalar(select(ResourcePolicy.document))
        assert alice.id in stored
        assert alice.arn not in stored
        gone = await admin.http.delete(f"/v1/services/{alice.id}", headers=ANY)
        assert gone.status_code == 204
        await world.actor(name="alice")
        shown = (await admin.http.get(url())).json()["document"]
        assert shown["Statement"][0]["Principal"] == {"IAM": alice.id}

    async def test_who_is_not_known_cannot_be_named(self, admin: Actor) -> None:
        for principal in (
            {"IAM": "arn:iam:iam::main:user/nobody"},
            {"IAM": "arn:iam:iam::acme:user/alice"},
            {"IAM": "acme"},
            {"IAM": "arn:iam:sts::main:assumed-role/deploy/ci"},
            {"Federated": "arn:iam:iam::main:saml-provider/x"},
        ):
            answer = await put(admin, document(principal))
            assert code(answer) == (400, "policy_invalid"), principal

    async def test_mt_04_each_account_has_its_own_policies(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        bucket = "arn:iam:s3:::bucket"
        assert code(await put(boss, document({"IAM": "acme"}))) == (400, "resource_invalid")
        for actor in (admin, boss):
            assert (await put(actor, document({"IAM": actor.arn}), bucket)).status_code == 200
            listed = (await actor.http.get(ALL)).json()["items"]
            assert [one["resource"] for one in listed] == [bucket]
            read = (await actor.http.get(url(bucket))).json()
            assert read["document"]["Statement"][0]["Principal"] == {"IAM": actor.arn}

    async def test_pe_02_to_write_one_takes_permission_on_the_resource(self, world: World) -> None:
        other = "arn:iam:billing::main:invoice/43"
        actor = await world.actor(allow("iam:PutResourcePolicy", on=INVOICE))
        assert (await put(actor, document({"IAM": "main"}))).status_code == 200
        assert (await put(actor, document({"IAM": "main"}), other)).status_code == 403

    async def test_mt_09_an_account_that_a_policy_names_is_not_deleted(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        assert (await put(admin, document({"IAM": "acme"}))).status_code == 200
        await admin.http.post("/v1/accounts/acme:suspend")
        deleted = await admin.http.delete("/v1/accounts/acme", headers=ANY)
        assert code(deleted) == (409, "account_in_use")
        assert (await admin.http.delete(url(), headers=ANY)).status_code == 204
        deleted = await admin.http.delete("/v1/accounts/acme", headers=ANY)
        assert deleted.status_code == 204

    async def test_mt_09_a_deleted_account_takes_its_policies_with_it(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        boss = await world.administrator("acme")
        own = "arn:iam:shop::acme:order/1"
        assert (await put(boss, document({"IAM": "acme"}), own)).status_code == 200
        await admin.http.post("/v1/accounts/acme:suspend")
        deleted = await admin.http.delete("/v1/accounts/acme", headers=ANY)
        assert deleted.status_code == 204, deleted.text
        async with world.work() as uow:
            assert (await uow.execute(ResourcePolicy.__table__.select())).all() == []


class TestOurOwnOperations:
    async def test_a_resource_policy_alone_suffices_within_the_account(
        self, world: World, admin: Actor
    ) -> None:
        alice, bob = await world.actor(name="alice"), await world.actor(name="bob")
        policy = document({"IAM": alice.arn}, "iam:GetService")
        assert (await put(admin, policy, bob.arn)).status_code == 200
        assert (await alice.http.get("/v1/services/bob")).status_code == 200
        assert (await alice.http.get("/v1/services/alice")).status_code == 403
        assert (await bob.http.get("/v1/services/bob")).status_code == 403

    async def test_pe_09_its_deny_wins_over_every_allow(self, world: World, admin: Actor) -> None:
        bob = await world.actor(name="bob")
        denial = document({"IAM": admin.arn}, "iam:GetService", effect="Deny")
        assert (await put(admin, denial, bob.arn)).status_code == 200
        assert (await admin.http.get("/v1/services/bob")).status_code == 403
