"""The JSON API of services, as an operator's client sees it."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from iam.kit.ids import IdKind, new_id
from iam.models import Service, ServiceAudience
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
ADMINISTRATORS = "group/administrators"
URL = "https://billing.example.com"


async def create(actor: Actor, name: str = "billing", **body: object) -> dict[str, Any]:
    whole = {"name": name, "owner": ADMINISTRATORS, **body}
    answer = await actor.http.post("/v1/services", json=whole)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def events_of(world: World, kind: str) -> list[Any]:
    return [e for e in await world.events() if e.type == f"iam.service.{kind}.v1"]


class TestCreate:
    async def test_a_created_service_shows_its_owner_and_its_audiences(
        self, world: World, admin: Actor
    ) -> None:
        body = {
            "name": "billing",
            "path": "/team/",
            "owner": ADMINISTRATORS,
            "audiences": [URL],
            "tags": {"team": "payments"},
        }
        answer = await admin.http.post("/v1/services", json=body)
        assert answer.status_code == 201, answer.text
        service = answer.json()
        arn = "arn:iam:iam::main:service/team/billing"
        assert (service["arn"], service["audiences"]) == (arn, [arn, URL])
        assert service["owner"]["arn"] == "arn:iam:iam::main:group/administrators"
        assert answer.headers["location"] == f"/v1/services/{service['id']}"
        for reference in ("billing", "BILLING", service["id"]):
            read = await admin.http.get(f"/v1/services/{reference}")
            assert read.json() == service
            assert read.headers["etag"] == f'"{service["version"]}"'
        listed = (await admin.http.get("/v1/services?path_prefix=/team/")).json()["items"]
        assert listed == [service]
        # Issuance finds a service by account and audience, its ARN included.
        async with world.work() as uow:
            for uri in (arn, URL):
                row = await uow.get(ServiceAudience, ("main", uri))
                assert row is not None
                assert row.service_id == service["id"]
        (event,) = [e for e in await events_of(world, "created") if e.target_id == service["id"]]
        assert (event.actor, event.before) == (admin.arn, None)
        assert event.after["name"] == "billing"
        assert {row["uri"] for row in event.after["service_audiences"]} == {arn, URL}

    async def test_the_owner_is_named_by_kind_and_name_by_arn_or_by_id(self, admin: Actor) -> None:
        user = {"name": "alice", "path": "/team/"}
        alice = (await admin.http.post("/v1/users", json=user)).json()
        references = ["user/alice", "user/ALICE", "user/team/alice", alice["arn"], alice["id"]]
        for number, reference in enumerate(references):
            service = await create(admin, f"service-{number}", owner=reference)
            assert service["owner"] == {"id": alice["id"], "arn": alice["arn"]}

    async def test_there_is_exactly_one_owner_who_exists_in_this_account(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        stranger = await world.administrator("acme")
        answer = await stranger.http.post("/v1/users", json={"name": "eve"})
        before = len(await world.events())
        for owner in (
            "user/nobody",
            "group/nobody",
            "user/other/administrators",
            "group/other/administrators",
            "arn:iam:iam::main:group/other/administrators",
            f"service/{admin.name}",
            "role/administrators",
            "administrators",
            "arn:aws:iam::main:group/administrators",
            answer.json()["arn"],  # AA-04: as if it did not exist
            answer.json()["id"],
            new_id(IdKind.USER, world.clock.now()),
        ):
            refused = await admin.http.post("/v1/services", json={"name": "x", "owner": owner})
            assert code(refused) == (400, "owner_unknown"), owner
        missing = await admin.http.post("/v1/services", json={"name": "x"})
        assert code(missing) == (422, "validation_failed")
        both = {"name": "x", "owner": [ADMINISTRATORS, "user/alice"]}
        assert code(await admin.http.post("/v1/services", json=both)) == (422, "validation_failed")
        assert len(await world.events()) == before

    async def test_names_and_audiences_are_taken_once_in_an_account(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, audiences=[URL])
        same_name = {"name": "Billing", "owner": ADMINISTRATORS}
        assert code(await admin.http.post("/v1/services", json=same_name)) == (409, "name_taken")
        same_url = {"name": "other", "owner": ADMINISTRATORS, "audiences": [URL]}
        assert code(await admin.http.post("/v1/services", json=same_url)) == (409, "audience_taken")
        assert code(await admin.http.get("/v1/services/other")) == (404, "not_found")
        # MT-04: another account neither sees nor feels that they are taken.
        await world.account("acme")
        theirs = await create(await world.administrator("acme"), audiences=[URL])
        assert theirs["audiences"] == ["arn:iam:iam::acme:service/billing", URL]

    async def test_audiences_that_break_a_rule_are_refused(self, admin: Actor) -> None:
        for audience in ("billing", f"{URL}#x", "arn:iam:iam::main:service/orders", admin.arn):
            body = {"name": "x", "owner": ADMINISTRATORS, "audiences": [audience]}
            assert code(await admin.http.post("/v1/services", json=body)) == (
                400,
                "audience_invalid",
            )
        ours = {"name": "x", "owner": ADMINISTRATORS, "audiences": ["http://localhost:8080"]}
        assert code(await admin.http.post("/v1/services", json=ours)) == (400, "audience_invalid")
        long = {"name": "x", "owner": ADMINISTRATORS, "path": f"/{'a' * 500}/"}
        assert code(await admin.http.post("/v1/services", json=long)) == (400, "path_invalid")

    async def test_aa_05_unknown_and_mistyped_members_are_refused(self, admin: Actor) -> None:
        for extra in (
            {"id": "svc_1"},
            {"status": "disabled"},
            {"account": "acme"},
            {"audiences": URL},
            {"audiences": [1]},
            {"description": "\u0001"},
        ):
            body = {"name": "x", "owner": ADMINISTRATORS, **extra}
            answer = await admin.http.post("/v1/services", json=body)
            assert code(answer) == (422, "validation_failed"), extra

    async def test_rc_06_of_many_equal_creations_one_succeeds(
        self, world: World, admin: Actor
    ) -> None:
        body = {"name": "race", "owner": ADMINISTRATORS}
        answers = await asyncio.gather(
            *(admin.http.post("/v1/services", json=body) for _ in range(50))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
        async with world.work() as uow:
            query = select(func.count()).select_from(Service).where(Service.name == "race")
            assert await uow.scalar(query) == 1


class TestPermissions:
    async def test_aa_02_without_a_policy_every_operation_is_denied_and_changes_nothing(
        self, world: World, admin: Actor
    ) -> None:
        service = await create(admin, tags={"team": "payments"})
        nobody = await world.actor()
        before = len([e for e in await world.events() if e.outcome != "denied"])
        url = "/v1/services/billing"
        answers = [
            await nobody.http.get("/v1/services"),
            await nobody.http.get(url),
            await nobody.http.get("/v1/services/no-such-service"),
            await nobody.http.post("/v1/services", json={"name": "x", "owner": "user/none"}),
            await nobody.http.patch(url, json={"description": "x"}, headers=ANY),
            await nobody.http.delete(url, headers=ANY),
            await nobody.http.post(f"{url}:disable"),
            await nobody.http.post(f"{url}:enable"),
            await nobody.http.post(f"{url}/tags", json={"tags": {"a": "b"}}),
            await nobody.http.delete(f"{url}/tags?key=team"),
        ]
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        assert len([e for e in await world.events() if e.outcome != "denied"]) == before
        assert (await admin.http.get(url)).json() == service

    async def test_a_policy_on_one_service_reaches_only_that_service(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, "orders")
        await create(admin, "billing")
        actor = await world.actor(allow("iam:GetService", on="arn:iam:iam::main:service/orders"))
        assert (await actor.http.get("/v1/services/orders")).status_code == 200
        assert code(await actor.http.get("/v1/services/billing")) == (403, "access_denied")

    async def test_aa_04_mt_05_another_accounts_service_looks_like_none(
        self, world: World, admin: Actor
    ) -> None:
        service = await create(admin)
        await world.account("acme")
        stranger = await world.administrator("acme")
        unknown = new_id(IdKind.SERVICE, world.clock.now())
        same = {"X-Request-Id": "same", **ANY}
        for method, suffix, body in (
            ("GET", "", None),
            ("PATCH", "", {"description": "mine"}),
            ("DELETE", "", None),
            ("POST", ":disable", None),
            ("POST", "/tags", {"tags": {"a": "b"}}),
        ):
            answers = [
                await stranger.http.request(
                    method, f"/v1/services/{reference}{suffix}", json=body, headers=same
                )
                for reference in (service["id"], unknown)
            ]
            assert {answer.status_code for answer in answers} == {404}
            first, second = (answer.text for answer in answers)
            assert first.replace(service["id"], "ID") == second.replace(unknown, "ID")
        listed = (await stranger.http.get("/v1/services")).json()["items"]
        assert {item["arn"].split(":")[4] for item in listed} == {"acme"}
        assert (await admin.http.get("/v1/services/billing")).json() == service


class TestUpdate:
    async def test_owner_and_audiences_are_replaced_and_recorded(
        self, world: World, admin: Actor
    ) -> None:
        service = await create(admin, audiences=[URL, "urn:x:old"])
        alice = (await admin.http.post("/v1/users", json={"name": "alice"})).json()
        answer = await admin.http.patch(
            "/v1/services/billing",
            json={"owner": "user/alice", "audiences": [URL, "urn:x:new"]},
            headers={"If-Match": f'"{service["version"]}"'},
        )
        changed = answer.json()
        assert changed["owner"]["id"] == alice["id"]
        assert changed["audiences"] == [service["arn"], URL, "urn:x:new"]
        assert (await admin.http.get("/v1/services/billing")).json() == changed
        (event,) = await events_of(world, "updated")
        assert event.before["owner_user_id"] is None
        assert event.after["owner_user_id"] == alice["id"]
        assert [row["uri"] for row in event.before["service_audiences"]] == ["urn:x:old"]
        assert [row["uri"] for row in event.after["service_audiences"]] == ["urn:x:new"]

    async def test_aa_11_a_change_of_audiences_alone_makes_a_new_version(
        self, world: World, admin: Actor
    ) -> None:
        service = await create(admin)
        seen = {"If-Match": f'"{service["version"]}"'}
        url = "/v1/services/billing"
        body = {"audiences": [URL]}
        assert code(await admin.http.patch(url, json=body)) == (428, "if_match_required")
        assert (await admin.http.patch(url, json=body, headers=seen)).status_code == 200
        lost = await admin.http.patch(url, json={"audiences": []}, headers=seen)
        assert code(lost) == (412, "etag_mismatch")
        assert code(await admin.http.delete(url, headers=seen)) == (412, "etag_mismatch")
        now = (await admin.http.get(url)).json()
        assert now["audiences"] == [service["arn"], URL]
        again = await admin.http.patch(url, json=body, headers=ANY)
        assert again.json() == now  # nothing changed: no new version, no event
        assert len(await events_of(world, "updated")) == 1

    async def test_an_owner_of_a_service_is_not_deleted(self, world: World, admin: Actor) -> None:
        await admin.http.post("/v1/users", json={"name": "alice"})
        await admin.http.post("/v1/groups", json={"name": "payments"})
        await create(admin, "by-user", owner="user/alice")
        await create(admin, "by-group", owner="group/payments")
        for url in ("/v1/users/alice", "/v1/groups/payments"):
            assert code(await admin.http.delete(url, headers=ANY)) == (409, "owner_in_use")
            assert (await admin.http.get(url)).status_code == 200
        assert not [e for e in await world.events() if e.type.endswith("deleted.v1")]
        handed_over = {"owner": ADMINISTRATORS}
        for name in ("by-user", "by-group"):
            await admin.http.patch(f"/v1/services/{name}", json=handed_over, headers=ANY)
        for url in ("/v1/users/alice", "/v1/groups/payments"):
            assert (await admin.http.delete(url, headers=ANY)).status_code == 204

    async def test_tags_and_status_are_those_of_every_principal(
        self, world: World, admin: Actor
    ) -> None:
        actor = await world.actor(allow("iam:GetService"), name="orders")
        url = "/v1/services/orders"
        tagged = await admin.http.post(f"{url}/tags", json={"tags": {"team": "risk"}})
        assert tagged.json()["tags"] == {"team": "risk"}
        assert (await admin.http.delete(f"{url}/tags?key=TEAM")).json()["tags"] == {}
        assert (await actor.http.get(url)).status_code == 200
        assert (await admin.http.post(f"{url}:disable")).json()["status"] == "disabled"
        assert code(await actor.http.get(url)) == (401, "token_revoked")
        assert (await admin.http.post(f"{url}:enable")).json()["status"] == "active"
        assert code(await actor.http.get(url)) == (401, "token_revoked")
        kinds = [len(await events_of(world, kind)) for kind in ("tagged", "disabled", "enabled")]
        assert kinds == [2, 1, 1]

    async def test_a_deleted_service_frees_its_name_and_audiences_and_ends_its_tokens(
        self, world: World, admin: Actor
    ) -> None:
        service = await create(admin, audiences=[URL])
        token = await world.token_for(service["id"])
        url = "/v1/services/billing"
        assert (await admin.http.delete(url, headers=ANY)).status_code == 204
        assert code(await world.client(token).get("/v1/me")) == (401, "token_revoked")
        again = await create(admin, audiences=[URL])
        assert again["id"] != service["id"]
        (event,) = await events_of(world, "deleted")
        assert event.before["name"] == "billing"
