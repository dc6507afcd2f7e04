"""The JSON API of action catalogues, and what follows from them."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from iam.features.catalogues.rules import RESERVED
from iam.journal.events import EventType
from iam.models import ActionCatalogue, Principal, Service, ServiceAudience, User
from tests.world import Actor, Statement, World, allow, deny

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
GET_INVOICE = {"name": "GetInvoice", "access_level": "read", "resource_types": ["invoice"]}
INVOICE = {"name": "invoice", "arn_format": "arn:${Partition}:billing::${Account}:invoice/${Id}"}
OWN: Statement = {
    **allow("iam:PutActionCatalogue", "iam:DeleteActionCatalogue"),
    "Condition": {"ArnEquals": {"iam:CatalogueOwner": "${iam:PrincipalArn}"}},
}
"""What lets a service look after its own prefixes, and nobody else's."""


def catalogue(prefix: str = "billing", *actions: dict[str, Any]) -> dict[str, Any]:
    return {
        "prefix": prefix,
        "actions": list(actions) or [GET_INVOICE],
        "resource_types": [INVOICE],
    }


async def put(
    actor: Actor, document: dict[str, Any], owner: str | None = None, **headers: str
) -> httpx2.Response:
    body = {"document": document} if owner is None else {"document": document, "owner": owner}
    return await actor.http.put(
        f"/v1/action-catalogues/{document['prefix']}", json=body, headers=headers
    )


class TestRegistering:
    async def test_an_administrator_registers_for_a_service_and_it_reads_back(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        made = await put(admin, catalogue(), "service/billing")
        assert made.status_code == 200, made.text
        shown = made.json()
        assert shown["owner"] == {"id": billing.id, "arn": billing.arn}
        assert shown["arn"] == "arn:iam:iam::main:action-catalogue/billing"
        assert (shown["document"], shown["is_shipped"]) == (catalogue(), False)
        read = await admin.http.get("/v1/action-catalogues/billing")
        assert (read.json(), read.headers["etag"]) == (shown, made.headers["etag"])
        assert (await world.events())[-1].type == EventType.ACTION_CATALOGUE_CREATED

    async def test_a_service_registers_its_own_and_replaces_what_it_has_seen(
        self, world: World
    ) -> None:
        billing = await world.actor(OWN, name="billing")
        made = await put(billing, catalogue())
        assert (made.status_code, made.json()["owner"]["id"]) == (200, billing.id)
        pay = {"name": "Pay", "access_level": "write"}
        unseen = await put(billing, catalogue("billing", pay))
        assert (unseen.status_code, unseen.json()["code"]) == (428, "if_match_required")
        seen = await put(billing, catalogue("billing", pay), **{"If-Match": made.headers["etag"]})
        assert seen.json()["document"]["actions"] == [pay]
        assert seen.json()["version"] == made.json()["version"] + 1

    async def test_the_same_again_changes_nothing(self, world: World, admin: Actor) -> None:
        await world.actor(name="billing")
        made = await put(admin, catalogue(), "service/billing")
        count = len(await world.events())
        again = await put(admin, catalogue(), "service/billing", **ANY)
        assert (again.json(), len(await world.events())) == (made.json(), count)

    async def test_nobody_takes_over_a_prefix_not_even_an_administrator(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        orders = await world.actor(OWN, name="orders")
        assert (await put(admin, catalogue(), "service/billing")).status_code == 200
        for actor, owner in ((orders, None), (admin, "service/orders"), (admin, None)):
            answer = await put(actor, catalogue(), owner, **ANY)
            assert (answer.status_code, answer.json()["code"]) == (409, "prefix_taken")
        pretended = await put(orders, catalogue(), "service/billing", **ANY)
        assert pretended.status_code == 403
        gone = await orders.http.delete("/v1/action-catalogues/billing", headers=ANY)
        assert gone.status_code == 403

    async def test_of_two_services_at_once_one_gets_the_prefix(self, world: World) -> None:
        actors = [await world.actor(OWN) for _ in range(4)]
        answers = await asyncio.gather(*(put(actor, catalogue()) for actor in actors))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]

    @pytest.mark.any_database
    @pytest.mark.parametrize("prefix", sorted(RESERVED))
    async def test_reserved_prefixes_are_nobodys(self, admin: Actor, prefix: str) -> None:
        answer = await put(admin, catalogue(prefix), **ANY)
        assert (answer.status_code, answer.json()["code"]) == (409, "prefix_reserved")
        answer = await admin.http.delete(f"/v1/action-catalogues/{prefix}", headers=ANY)
        assert (answer.status_code, answer.json()["code"]) == (409, "prefix_reserved")

    @pytest.mark.parametrize(
        ("owner", "code"),
        [("service/nobody", "owner_unknown"), ("user/alice", "owner_unknown"),
         ("arn:iam:iam::acme:service/billing", "owner_unknown"), ("billing", "owner_unknown")],
    )  # fmt: skip
    async def test_the_owner_is_a_service_of_the_account(
        self, admin: Actor, owner: str, code: str
    ) -> None:
        answer = await put(admin, catalogue(), owner)
        assert (answer.status_code, answer.json()["code"]) == (400, code)

    async def test_a_person_says_whose_prefix_it_is_once(self, world: World) -> None:
        await world.actor(name="billing")
        alice = await world.actor(allow("iam:PutActionCatalogue"), kind=User)
        answer = await put(alice, catalogue())
        assert (answer.status_code, answer.json()["code"]) == (400, "owner_required")
        assert (await put(alice, catalogue(), "service/billing")).status_code == 200
        assert (await put(alice, catalogue(), **ANY)).status_code == 200

    @pytest.mark.any_database
    @pytest.mark.parametrize("prefix", ["Billing", "a.b", "9x"])
    async def test_what_is_no_prefix_is_not_there_and_cannot_be_put(
        self, admin: Actor, prefix: str
    ) -> None:
        assert (await admin.http.get(f"/v1/action-catalogues/{prefix}")).status_code == 404
        body = {"document": catalogue(prefix)}
        answer = await admin.http.put(f"/v1/action-catalogues/{prefix}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "catalogue_invalid")

    async def test_a_deny_binds_the_owner_too(self, world: World) -> None:
        billing = await world.actor(allow("*"), deny("iam:PutActionCatalogue"), name="billing")
        assert (await put(billing, catalogue())).status_code == 403


class TestReading:
    async def test_our_own_catalogues_are_there_and_come_first(
        self, world: World, admin: Actor
    ) -> None:
        for name in ("billing", "audio", "zebra"):
            await world.actor(name=name)
            assert (await put(admin, catalogue(name), f"service/{name}")).status_code == 200
        own = ["audit", "decisions", "iam", "organizations", "sts"]
        found: list[str] = []
        path = "/v1/action-catalogues?limit=2"
        while path:
            page = (await admin.http.get(path)).json()
            found += [item["prefix"] for item in page["items"]]
            cursor = page["next_cursor"]
            path = f"/v1/action-catalogues?limit=2&cursor={cursor}" if cursor else ""
        assert found == [*own, "billing", "audio", "zebra"]
        shown = (await admin.http.get("/v1/action-catalogues/iam")).json()
        assert (shown["is_shipped"], shown["owner"], shown["version"]) == (True, None, None)
        assert "CreateUser" in [action["name"] for action in shown["document"]["actions"]]

    async def test_mt_01_a_catalogue_is_of_one_account(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        other = await world.administrator("acme")
        await world.actor(name="billing", account="acme")
        assert (await put(other, catalogue(), "service/billing")).status_code == 200
        assert (await admin.http.get("/v1/action-catalogues/billing")).status_code == 404
        listed = (await admin.http.get("/v1/action-catalogues")).json()["items"]
        assert "billing" not in [item["prefix"] for item in listed]
        await world.actor(name="billing")
        assert (await put(admin, catalogue(), "service/billing")).status_code == 200


class TestGoing:
    async def test_who_deletes_a_catalogue_frees_the_prefix(self, world: World) -> None:
        billing = await world.actor(OWN, name="billing")
        orders = await world.actor(OWN, name="orders")
        await put(billing, catalogue())
        gone = await billing.http.delete("/v1/action-catalogues/billing", headers=ANY)
        assert gone.status_code == 204, gone.text
        assert (await world.events())[-1].type == EventType.ACTION_CATALOGUE_DELETED
        assert (await put(orders, catalogue())).status_code == 200

    async def test_a_catalogue_goes_with_its_service(self, world: World, admin: Actor) -> None:
        billing = await world.actor(OWN, name="billing")
        await put(billing, catalogue())
        gone = await admin.http.delete(f"/v1/services/{billing.id}", headers=ANY)
        assert gone.status_code == 204, gone.text
        assert (await admin.http.get("/v1/action-catalogues/billing")).status_code == 404
        async with world.work() as uow:
            assert (await uow.scalars(select(ActionCatalogue))).all() == []


class TestAskingForDecisions:
    @pytest.fixture
    async def gateway(self, world: World) -> Actor:
        """A service with an audience, which may look after its own prefixes."""
        actor = await world.actor(OWN, name="gateway")
        async with world.work() as uow:
            uow.add(ServiceAudience(account="main", uri="https://gateway", service_id=actor.id))
            uow.emit(EventType.SERVICE_UPDATED, await uow.get(Principal, actor.id))
        return actor

    async def test_a_service_may_always_ask_for_the_prefixes_it_registered(
        self, world: World, gateway: Actor
    ) -> None:
        orders = await world.actor(allow("billing:*"))
        token = await world.token_for(orders.id, audience="https://gateway")

        async def ask(action: str) -> int:
            question = {"token": token, "action": action, "resource": "*"}
            answer = await gateway.http.post("/v1/decisions", json={"evaluations": [question]})
            return answer.status_code

        assert [await ask("gateway:Route"), await ask("billing:Pay")] == [200, 403]
        made = await put(gateway, catalogue())
        assert [await ask("gateway:Route"), await ask("billing:Pay")] == [403, 200]
        assert await ask("BILLING:Pay") == 200
        await put(gateway, catalogue("gateway"))
        assert [await ask("gateway:Route"), await ask("billing:Pay")] == [200, 200]
        path = "/v1/action-catalogues/billing"
        await gateway.http.delete(path, headers={"If-Match": made.headers["etag"]})
        assert [await ask("gateway:Route"), await ask("billing:Pay")] == [200, 403]

    async def test_a_name_that_another_registered_is_not_ones_own(
        self, world: World, gateway: Actor, admin: Actor
    ) -> None:
        owner = await world.actor(name="other")
        assert (await put(admin, catalogue("gateway"), owner.id)).status_code == 200
        token = await world.token_for(owner.id, audience="https://gateway")
        question = {"token": token, "action": "gateway:Route", "resource": "*"}
        body = {"evaluations": [question]}
        assert (await gateway.http.post("/v1/decisions", json=body)).status_code == 403
        async with world.work() as uow:
            row = await uow.get(Service, owner.id)
            assert row is not None
            uow.emit(EventType.SERVICE_DELETED, row)
            await uow.delete(row)
        orders = await world.actor()
        question["token"] = await world.token_for(orders.id, audience="https://gateway")
        assert (await gateway.http.post("/v1/decisions", json=body)).status_code == 200


class TestFindings:
    async def test_a_policy_is_examined_by_the_catalogues_of_the_account(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        statement = dict(allow("billing:GetInvoces", on="arn:iam:billing::main:invoice/*"))
        document = {"Version": "2012-10-17", "Statement": [statement]}
        before = await admin.http.post("/v1/policies", json={"name": "a", "document": document})
        assert (before.status_code, before.json()["findings"]) == (201, [])
        await put(admin, catalogue(), "service/billing")
        after = await admin.http.post("/v1/policies", json={"name": "b", "document": document})
        (finding,) = after.json()["findings"]
        assert (finding["code"], finding["path"]) == ("unknown-action", "$.Statement[0].Action[0]")
        assert "did you mean `billing:GetInvoice`?" in finding["message"]
        version = await admin.http.post("/v1/policies/a/versions", json={"document": document})
        assert (version.status_code, version.json()["findings"]) == (201, [finding])
        path = "/v1/services/billing/inline-policies/x"
        inline = await admin.http.put(path, json={"document": document})
        assert (inline.status_code, inline.json()["findings"]) == (200, [finding])

    async def test_what_lint_finds_refuses_nothing(self, admin: Actor) -> None:
        document = {"Version": "2012-10-17", "Statement": [dict(allow("*"))]}
        made = await admin.http.post("/v1/policies", json={"name": "all", "document": document})
        assert made.status_code == 201
        assert [finding["severity"] for finding in made.json()["findings"]]
        assert "findings" not in (await admin.http.get("/v1/policies/all")).json()
