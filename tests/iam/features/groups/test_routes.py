"""The JSON API of groups and their members, as an operator's client sees it."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import Group, GroupMembership, User
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}


async def create(actor: Actor, name: str = "payments", **body: object) -> dict[str, Any]:
    answer = await actor.http.post("/v1/groups", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def events_of(world: World, kind: str, account: str = "main") -> list[Any]:
    return [e for e in await world.events(account=account) if e.type == f"iam.group.{kind}.v1"]


class TestGroups:
    async def test_a_created_group_is_read_by_name_in_any_case_and_by_id(
        self, world: World, admin: Actor
    ) -> None:
        answer = await admin.http.post(
            "/v1/groups", json={"name": "Payments", "path": "/team/", "description": "they pay"}
        )
        assert answer.status_code == 201
        group = answer.json()
        assert group["arn"] == "arn:iam:iam::main:group/team/Payments"
        assert answer.headers["location"] == f"/v1/groups/{group['id']}"
        for reference in ("payments", "PAYMENTS", group["id"]):
            read = await admin.http.get(f"/v1/groups/{reference}")
            assert read.json() == group
            assert read.headers["etag"] == f'"{group["version"]}"'
        (event,) = [e for e in await events_of(world, "created") if e.target_id == group["id"]]
        assert (event.actor, event.before) == (admin.arn, None)
        assert event.after["name"] == "Payments"

    async def test_names_are_unique_whatever_their_case_and_follow_the_rules(
        self, admin: Actor
    ) -> None:
        await create(admin)
        wrong: list[tuple[dict[str, object], tuple[int, str]]] = [
            ({"name": "PAYMENTS"}, (409, "name_taken")),
            ({"name": "two words"}, (400, "name_invalid")),
            ({"name": "a", "path": "team"}, (400, "path_invalid")),
            ({"name": "a" * 129}, (422, "validation_failed")),
            ({"name": "a", "members": []}, (422, "validation_failed")),
            ({"name": "a", "description": "\u0007"}, (422, "validation_failed")),
        ]
        for body, expected in wrong:
            assert code(await admin.http.post("/v1/groups", json=body)) == expected, body
        assert (await create(admin, "b" * 128))["name"] == "b" * 128

    async def test_lists_are_paged_and_can_be_limited_to_a_path(self, admin: Actor) -> None:
        for name in ("a", "b", "c"):
            await create(admin, name, path="/team/")
        first = (await admin.http.get("/v1/groups?path_prefix=/team/&limit=2")).json()
        assert [group["name"] for group in first["items"]] == ["a", "b"]
        url = f"/v1/groups?path_prefix=/team/&cursor={first['next_cursor']}"
        second = (await admin.http.get(url)).json()
        assert [group["name"] for group in second["items"]] == ["c"]
        assert second["next_cursor"] is None
        # A cursor of another list, and a prefix that no path can have.
        moved = await admin.http.get(f"/v1/groups?cursor={first['next_cursor']}")
        assert code(moved) == (400, "cursor_invalid")
        assert code(await admin.http.get("/v1/groups?path_prefix=%07")) == (
            400,
            "path_prefix_invalid",
        )

    async def test_aa_11_changes_need_the_version_that_was_read(
        self, world: World, admin: Actor
    ) -> None:
        group = await create(admin)
        body = {"description": "new"}
        url = "/v1/groups/payments"
        assert code(await admin.http.patch(url, json=body)) == (428, "if_match_required")
        stale = {"If-Match": '"7"'}
        assert code(await admin.http.patch(url, json=body, headers=stale)) == (412, "etag_mismatch")
        assert code(await admin.http.delete(url)) == (428, "if_match_required")
        assert (await admin.http.get(url)).json() == group
        changed = await admin.http.patch(
            url, json=body, headers={"If-Match": f'"{group["version"]}"'}
        )
        assert changed.json()["description"] == "new"
        assert changed.headers["etag"] != f'"{group["version"]}"'
        (event,) = await events_of(world, "updated")
        assert (event.before, event.after) == ({"description": ""}, {"description": "new"})

    async def test_a_group_with_members_or_policies_is_not_deleted(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        member = await world.actor()
        seat = f"/v1/groups/payments/members/service/{member.name}"
        assert (await admin.http.put(seat)).status_code == 204
        url = "/v1/groups/payments"
        assert code(await admin.http.delete(url, headers=ANY)) == (409, "delete_conflict")
        assert (await admin.http.delete(seat)).status_code == 204
        document = {"Version": "2012-10-17", "Statement": [allow("iam:GetUser")]}
        inline = f"{url}/inline-policies/reading"
        assert (await admin.http.put(inline, json={"document": document})).is_success
        assert code(await admin.http.delete(url, headers=ANY)) == (409, "delete_conflict")
        assert (await admin.http.delete(inline, headers=ANY)).status_code == 204
        assert (await admin.http.delete(url, headers=ANY)).status_code == 204
        assert code(await admin.http.get(url)) == (404, "not_found")
        assert len(await events_of(world, "deleted")) == 1

    async def test_rc_06_of_many_equal_creations_one_succeeds(
        self, world: World, admin: Actor
    ) -> None:
        answers = await asyncio.gather(
            *(admin.http.post("/v1/groups", json={"name": f"Race{'rR'[i % 2]}"}) for i in range(50))
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [201] + [409] * 49
        async with world.work() as uow:
            query = select(func.count()).select_from(Group).where(Group.name_key == "racer")
            assert await uow.scalar(query) == 1


class TestPermissions:
    async def test_aa_02_without_a_policy_every_operation_is_denied_and_changes_nothing(
        self, world: World, admin: Actor
    ) -> None:
        group = await create(admin)
        nobody = await world.actor()
        before = len([e for e in await world.events() if e.outcome != "denied"])
        seat = f"/v1/groups/payments/members/service/{nobody.name}"
        answers = [
            await nobody.http.get("/v1/groups"),
            await nobody.http.get("/v1/groups/payments"),
            await nobody.http.get("/v1/groups/no-such-group"),
            await nobody.http.post("/v1/groups", json={"name": "mine"}),
            await nobody.http.patch("/v1/groups/payments", json={}, headers=ANY),
            await nobody.http.delete("/v1/groups/payments", headers=ANY),
            await nobody.http.get("/v1/groups/payments/members"),
            await nobody.http.put(seat),
            await nobody.http.delete(seat),
            await nobody.http.get("/v1/users/no-such-user/groups"),
            await nobody.http.get(f"/v1/services/{nobody.name}/groups"),
        ]
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        events = await world.events()
        assert {a.json()["decision_id"] for a in answers} == {
            e.decision_id for e in events if e.outcome == "denied"
        }
        assert len([e for e in events if e.outcome != "denied"]) == before
        assert (await admin.http.get("/v1/groups/payments")).json() == group

    async def test_pe_02_joining_a_group_needs_the_permission_on_that_group(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, "readers")
        mover = await world.actor(allow("iam:AddUserToGroup", on="arn:iam:iam::main:group/readers"))
        own = f"members/service/{mover.name}"
        assert (await mover.http.put(f"/v1/groups/readers/{own}")).status_code == 204
        escalation = await mover.http.put(f"/v1/groups/administrators/{own}")
        assert code(escalation) == (403, "access_denied")

    async def test_aa_04_mt_05_another_accounts_group_and_member_look_like_none(
        self, world: World, admin: Actor
    ) -> None:
        group = await create(admin)
        await world.account("acme")
        stranger = await world.administrator("acme")
        await create(stranger, "payments")  # MT-01, MT-04: the name is free in this account
        unknown_group = new_id(IdKind.GROUP, world.clock.now())
        unknown_service = new_id(IdKind.SERVICE, world.clock.now())
        pairs = [
            (
                f"/v1/groups/{group['id']}",
                f"/v1/groups/{unknown_group}",
                group["id"],
                unknown_group,
            ),
            (
                f"/v1/groups/payments/members/service/{admin.id}",
                f"/v1/groups/payments/members/service/{unknown_service}",
                admin.id,
                unknown_service,
            ),
        ]
        for theirs, nothing, real, unknown in pairs:
            method = "PUT" if "members" in theirs else "GET"
            headers = {"X-Request-Id": "same"}
            first = await stranger.http.request(method, theirs, headers=headers)
            second = await stranger.http.request(method, nothing, headers=headers)
            assert first.status_code == second.status_code == 404
            assert first.text.replace(real, "ID") == second.text.replace(unknown, "ID")
        listed = (await stranger.http.get("/v1/groups")).json()["items"]
        assert {item["arn"].split(":")[4] for item in listed} == {"acme"}


class TestMembers:
    async def test_members_come_and_go_once_each_with_an_event(
        self, world: World, admin: Actor
    ) -> None:
        group = await create(admin)
        alice = await world.actor(name="alice", kind=User)
        orders = await world.actor(name="orders")
        for kind, name in [("user", "ALICE"), ("service", orders.id), ("user", "alice")]:
            answer = await admin.http.put(f"/v1/groups/payments/members/{kind}/{name}")
            assert (answer.status_code, answer.content) == (204, b"")
        members = (await admin.http.get("/v1/groups/payments/members")).json()["items"]
        assert {(m["kind"], m["name"], m["arn"], m["status"]) for m in members} == {
            ("user", "alice", alice.arn, "active"),
            ("service", "orders", orders.arn, "active"),
        }
        for url in ("/v1/users/alice/groups", f"/v1/services/{orders.id}/groups"):
            assert [g["id"] for g in (await admin.http.get(url)).json()["items"]] == [group["id"]]
        seat = "/v1/groups/payments/members/user/alice"
        assert (await admin.http.delete(seat)).status_code == 204
        assert code(await admin.http.delete(seat)) == (404, "not_a_member")
        added = [e for e in await events_of(world, "member_added") if e.target_id == group["id"]]
        assert [e.detail["member"]["arn"] for e in added] == [alice.arn, orders.arn]
        (removed,) = await events_of(world, "member_removed")
        assert removed.detail["member"] == {"id": alice.id, "arn": alice.arn}
        assert removed.before["group_memberships"][0]["principal_id"] == alice.id
        assert removed.after is None
        # Who is in a group is no part of the group's own version.
        assert (await admin.http.get("/v1/groups/payments")).json() == group

    async def test_a_member_gets_the_groups_permissions_at_once_and_loses_them_at_once(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, "readers")
        document = {"document": {"Version": "2012-10-17", "Statement": [allow("iam:ListUsers")]}}
        await admin.http.put("/v1/groups/readers/inline-policies/list", json=document)
        actor = await world.actor()
        seat = f"/v1/groups/readers/members/service/{actor.name}"
        assert (await actor.http.get("/v1/users")).status_code == 403
        await admin.http.put(seat)
        assert (await actor.http.get("/v1/users")).status_code == 200
        await admin.http.delete(seat)
        assert (await actor.http.get("/v1/users")).status_code == 403

    async def test_pe_26_a_group_or_role_is_no_member(self, admin: Actor) -> None:
        await create(admin, "outer")
        await create(admin, "inner")
        for kind in ("group", "role"):
            for method in ("PUT", "DELETE"):
                url = f"/v1/groups/outer/members/{kind}/inner"
                answer = await admin.http.request(method, url)
                assert code(answer) == (400, "member_kind_invalid")
        # Nor does a group's name or id pass as a user's.
        assert code(await admin.http.put("/v1/groups/outer/members/user/inner"))[0] == 404

    async def test_rc_08_racing_additions_stop_at_the_limit(
        self, world: World, admin: Actor
    ) -> None:
        most = world.runtime.settings.limits.groups_per_principal
        actor = await world.actor()
        async with world.work() as uow:
            for number in range(most + 6):
                group = Group(
                    id=new_id(IdKind.GROUP, uow.now), account="main", name=f"g{number}",
                    created_at=uow.now, updated_at=uow.now,
                )  # fmt: skip
                uow.add(group)
                uow.emit(EventType.GROUP_CREATED, group)
        answers = await asyncio.gather(
            *(
                admin.http.put(f"/v1/groups/g{number}/members/service/{actor.name}")
                for number in range(most + 6)
            )
        )
        assert sorted(a.status_code for a in answers) == [204] * most + [409] * 6
        assert {a.json()["code"] for a in answers if a.status_code == 409} == {"limit_exceeded"}
        async with world.work() as uow:
            query = select(func.count()).where(GroupMembership.principal_id == actor.id)
            assert await uow.scalar(query) == most
