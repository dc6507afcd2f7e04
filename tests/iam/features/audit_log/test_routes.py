"""The audit log as its readers see it."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio


async def listed(reader: Actor, /, **query: Any) -> list[dict[str, Any]]:
    answer = await reader.http.get("/v1/audit-events", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def create_user(actor: Actor, name: str) -> dict[str, Any]:
    answer = await actor.http.post("/v1/users", json={"name": name})
    user: dict[str, Any] = answer.json()
    return user


class TestList:
    async def test_the_newest_event_comes_first_with_actor_and_values(self, admin: Actor) -> None:
        await create_user(admin, "alice")
        bob = await create_user(admin, "bob")
        newest, before = (await listed(admin, type="iam.user.created.v1"))[:2]
        assert (newest["target_id"], newest["actor"]) == (bob["id"], admin.arn)
        assert before["after"]["name"] == "alice"
        one = await admin.http.get(f"/v1/audit-events/{newest['id']}")
        assert one.json() == newest

    async def test_al_04_a_refusal_is_found_by_its_decision(
        self, world: World, admin: Actor
    ) -> None:
        nobody = await world.actor()
        refused = await nobody.http.get("/v1/users", headers={"X-Request-ID": "r-7"})
        await world.runtime.tools.denials.flush()
        decision = refused.json()["decision_id"]
        (entry,) = await listed(admin, decision_id=decision)
        assert (entry["outcome"], entry["actor"], entry["request_id"]) == (
            "denied",
            nobody.arn,
            "r-7",
        )
        assert entry["detail"]["action"] == "iam:ListUsers"

    @pytest.mark.parametrize(
        "hostile",
        ['x"}\r\n{"type":"forged"}', "\x1b[2J\x1b]0;x\x07", "a\u2028b\u2029c", "\u202egnp"],
    )
    async def test_al_03_whatever_a_text_holds_it_is_one_record_and_stays_a_text(
        self, world: World, admin: Actor, hostile: str
    ) -> None:
        before = len(await world.events())
        body = {"name": "alice", "description": hostile}
        made = await admin.http.post("/v1/users", json=body)
        nobody = await world.client(admin.token).get(f"/v1/users/{quote(hostile, safe='')}")
        assert nobody.status_code in {400, 404}
        new = (await world.events())[before:]
        assert [entry.type for entry in new] == ["iam.user.created.v1"] * (made.status_code == 201)
        assert made.status_code in {201, 400, 422}
        answer = await admin.http.get("/v1/audit-events")
        assert not set("\r\n\x1b\x07") & set(answer.text)
        shown = [
            e["after"]["description"]
            for e in answer.json()["items"]
            if e["after"] and e["type"] == "iam.user.created.v1"
        ]
        assert shown == [hostile] * (made.status_code == 201)

    @pytest.mark.parametrize("name", ["since", "until"])
    @pytest.mark.parametrize(
        "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-07-01"]
    )
    async def test_an_instant_that_cannot_be_is_refused(
        self, admin: Actor, name: str, instant: str
    ) -> None:
        answer = await admin.http.get("/v1/audit-events", params={name: instant})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")

    async def test_filters_narrow_by_type_actor_target_and_time(
        self, world: World, admin: Actor
    ) -> None:
        alice = await create_user(admin, "alice")
        await world.advance(timedelta(minutes=5))
        await admin.http.post("/v1/users/alice:disable")
        by_target = await listed(admin, target=alice["arn"])
        assert [e["type"] for e in by_target] == ["iam.user.disabled.v1", "iam.user.created.v1"]
        assert by_target == await listed(admin, target=alice["id"], actor=admin.id)
        assert len(await listed(admin, type="iam.user.*")) == 2
        late = await listed(admin, type="iam.user.*", since="2026-07-01T12:01:00Z")
        assert [event["type"] for event in late] == ["iam.user.disabled.v1"]
        early = await listed(admin, type="iam.user.*", until="2026-07-01T12:01:00Z")
        assert [event["type"] for event in early] == ["iam.user.created.v1"]

    async def test_ds_16_a_wildcard_of_sql_is_plain_text(self, admin: Actor) -> None:
        await create_user(admin, "alice")
        assert await listed(admin, type="%_%*") == []

    async def test_pages_follow_each_other(self, admin: Actor) -> None:
        for number in range(3):
            await create_user(admin, f"user-{number}")
        query: dict[str, Any] = {"type": "iam.user.created.v1", "limit": 2}
        first = (await admin.http.get("/v1/audit-events", params=query)).json()
        query["cursor"] = first["next_cursor"]
        second = (await admin.http.get("/v1/audit-events", params=query)).json()
        names = [event["after"]["name"] for event in first["items"] + second["items"]]
        assert names == ["user-2", "user-1", "user-0"]
        assert second["next_cursor"] is None

    async def test_ds_15_a_rare_event_is_looked_for_a_bounded_piece_at_a_time(
        self, world: World, admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("iam.features.audit_log.queries.MOST_LOOKED_AT", 4)
        group = await admin.http.post("/v1/groups", json={"name": "rare"})
        for number in range(10):
            await create_user(admin, f"user-{number}")
        total = len(await world.events())
        query: dict[str, Any] = {"type": "iam.group.created.*", "limit": 1}
        pages: list[list[dict[str, Any]]] = []
        while "cursor" not in query or query["cursor"] is not None:
            asked = {name: value for name, value in query.items() if value is not None}
            page = (await admin.http.get("/v1/audit-events", params=asked)).json()
            pages.append(page["items"])
            query["cursor"] = page["next_cursor"]
        assert [] in pages[:2]  # nothing among the first, and it went on
        found = [event["target_id"] for page in pages for event in page]
        assert group.json()["id"] in found
        assert len(found) == len(set(found))
        assert total / 5 <= len(pages) <= total / 4 + 2 + len(found)
        assert len(await listed(admin, target=group.json()["id"])) == 1  # this one has an index

    async def test_a_time_is_found_to_the_microsecond_and_nothing_beyond_is_looked_at(
        self, world: World, admin: Actor
    ) -> None:
        start = world.clock.now()
        for number in range(4):
            await create_user(admin, f"user-{number}")
            await world.advance(timedelta(microseconds=1))
        for since, until, names in ((0, 4, "3210"), (1, 3, "21"), (2, 2, ""), (3, 9, "3")):
            found = await listed(
                admin,
                type="iam.user.created.v1",
                since=(start + timedelta(microseconds=since)).isoformat(),
                until=(start + timedelta(microseconds=until)).isoformat(),
            )
            assert [event["after"]["name"][-1] for event in found] == list(names)
        assert await listed(admin, since=(start + timedelta(days=1)).isoformat()) == []
        assert await listed(admin, until=(start - timedelta(days=1)).isoformat()) == []
        for far in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
            await listed(admin, since=far)
            await listed(admin, until=far)

    @pytest.mark.parametrize(
        "query", ["since=yesterday", "since=2026-07-01", "since=1.5", "until=-1", "outcome=maybe"]
    )
    async def test_a_filter_that_cannot_be_meant_is_refused(self, admin: Actor, query: str) -> None:
        assert (await admin.http.get(f"/v1/audit-events?{query}")).status_code == 422


class TestReaders:
    async def test_al_09_one_account_does_not_see_another(self, world: World, admin: Actor) -> None:
        await create_user(admin, "alice")
        (event,) = await listed(admin, type="iam.user.created.v1")
        await world.account("acme")
        stranger = await world.administrator("acme")
        assert await listed(stranger, type="iam.user.created.v1") == []
        theirs = await stranger.http.get(f"/v1/audit-events/{event['id']}")
        assert theirs.status_code == 404

    async def test_mt_09_an_account_of_a_used_name_inherits_no_log(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        await create_user(await world.administrator("acme"), "alice")
        for verb, path in (("POST", "/v1/accounts/acme:suspend"), ("DELETE", "/v1/accounts/acme")):
            gone = await admin.http.request(verb, path, headers={"If-Match": "*"})
            assert gone.status_code < 300, gone.text
        await world.advance(timedelta(minutes=1))
        await world.account("acme")
        newcomer = await world.administrator("acme")
        assert await listed(newcomer, type="iam.user.*") == []

    async def test_reading_needs_its_own_permission(self, world: World) -> None:
        reader = await world.actor(allow("audit:*"))
        nobody = await world.actor(allow("iam:*"))
        assert (await reader.http.get("/v1/audit-events")).status_code == 200
        assert (await nobody.http.get("/v1/audit-events")).status_code == 403
        assert (await nobody.http.get("/v1/audit-events/evt_x")).status_code == 403

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    async def test_al_02_nobody_can_change_or_remove_an_entry(
        self, admin: Actor, method: str
    ) -> None:
        for path in ("/v1/audit-events", "/v1/audit-events/evt_x", "/v1/audit-log/lines"):
            assert (await admin.http.request(method, path)).status_code == 405
        for path in ("/v1/audit-log", "/v1/audit-log:purge", "/v1/audit-log/lines/1"):
            assert (await admin.http.request(method, path)).status_code == 404
