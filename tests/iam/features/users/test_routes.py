"""The JSON API of users, as an operator's client sees it."""

import httpx2
import pytest

from iam.models import User
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio

ALICE = {
    "name": "alice",
    "path": "/team/",
    "display_name": "Alice Ng",
    "email": "alice@corp.local",
    "tags": {"team": "payments"},
}


async def create(actor: Actor, **body: object) -> dict[str, object]:
    answer = await actor.http.post("/v1/users", json={**ALICE, **body})
    assert answer.status_code == 201, answer.text
    created: dict[str, object] = answer.json()
    return created


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestCreate:
    async def test_a_created_user_is_read_by_name_in_any_case_and_by_id(self, admin: Actor) -> None:
        answer = await admin.http.post("/v1/users", json=ALICE)
        assert answer.status_code == 201
        user = answer.json()
        assert user["arn"] == "arn:iam:iam::main:user/team/alice"
        assert answer.headers["location"] == f"/v1/users/{user['id']}"
        for reference in ("alice", "ALICE", user["id"]):
            read = await admin.http.get(f"/v1/users/{reference}")
            assert read.json() == user
            assert read.headers["etag"] == f'"{user["version"]}"'

    async def test_a_name_that_differs_only_in_case_is_taken(self, admin: Actor) -> None:
        await create(admin)
        answer = await admin.http.post("/v1/users", json={"name": "Alice"})
        assert code(answer) == (409, "name_taken")

    async def test_the_event_says_who_did_what_with_the_values(
        self, world: World, admin: Actor
    ) -> None:
        user = await create(admin)
        (event,) = [e for e in await world.events() if e.type == "iam.user.created.v1"]
        assert event.actor == admin.arn
        assert event.subject == user["arn"]
        assert event.target_id == user["id"]
        assert event.before is None
        assert event.after is not None
        assert event.after["email"] == "alice@corp.local"
        assert event.after["tags"] == {"team": "payments"}

    @pytest.mark.any_database
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": 7},
            {"name": "a" * 65},
            {"name": "a", "is_admin": True},
            {"name": "a", "id": "usr_1"},
            {"name": "a", "email": "no at sign"},
            {"name": "a", "tags": {"k": 1}},
        ],
    )
    async def test_aa_05_unknown_and_mistyped_members_are_refused(
        self, world: World, admin: Actor, body: dict[str, object]
    ) -> None:
        before = len(await world.events())
        answer = await admin.http.post("/v1/users", json=body)
        assert code(answer) == (422, "validation_failed")
        assert answer.json()["errors"]
        assert len(await world.events()) == before

    @pytest.mark.parametrize(
        "member",
        ["email_verified", "is_admin", "roles", "groups", "account", "password_hash", "created_at",
         "mfa_enabled", "status", "id", "epoch", "principal_id"],
    )  # fmt: skip
    @pytest.mark.any_database
    async def test_aa_05_aa_12_nobody_sets_what_is_not_theirs_to_say(
        self, world: World, member: str
    ) -> None:
        alice = await world.actor(allow("iam:*"), name="alice", kind=User)
        before = await alice.http.get("/v1/users/alice")
        body = {"description": "x", member: True}
        for path in ("/v1/users/alice", f"/v1/users/{alice.id}"):
            answer = await alice.http.patch(path, json=body, headers={"If-Match": "*"})
            assert code(answer) == (422, "validation_failed")
        made = await alice.http.post("/v1/users", json={"name": "bob", member: True})
        assert code(made) == (422, "validation_failed")
        assert (await alice.http.get("/v1/users/alice")).json() == before.json()

    @pytest.mark.any_database
    @pytest.mark.parametrize(
        ("member", "value", "expected"),
        [
            ("name", "two words", "name_invalid"),
            ("name", "..", "name_invalid"),
            ("name", "root\u200b", "name_invalid"),
            ("path", "team/", "path_invalid"),
            ("path", "/a/../b/", "path_invalid"),
            ("tags", {"iam:x": "1"}, "tag_invalid"),
            ("tags", {"K": "1", "k": "2"}, "tag_key_duplicate"),
        ],
    )
    async def test_values_that_break_a_rule_are_refused(
        self, admin: Actor, member: str, value: object, expected: str
    ) -> None:
        answer = await admin.http.post("/v1/users", json={"name": "a", member: value})
        assert code(answer) == (400, expected)


class TestPermissions:
    async def test_aa_02_without_a_policy_every_operation_is_denied_and_recorded(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        nobody = await world.actor()
        answers = [
            await nobody.http.get("/v1/users"),
            await nobody.http.get("/v1/users/alice"),
            await nobody.http.get("/v1/users/does-not-exist"),
            await nobody.http.post("/v1/users", json={"name": "bob"}),
            await nobody.http.patch("/v1/users/alice", json={}, headers={"If-Match": "*"}),
            await nobody.http.delete("/v1/users/alice", headers={"If-Match": "*"}),
            await nobody.http.post("/v1/users/alice:disable"),
            await nobody.http.post("/v1/users/alice:enable"),
            await nobody.http.post("/v1/users/alice/tags", json={"tags": {"a": "b"}}),
            await nobody.http.delete("/v1/users/alice/tags?key=team"),
        ]
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        refused = {answer.json()["decision_id"] for answer in answers}
        recorded = {e.decision_id for e in await world.events() if e.outcome == "denied"}
        assert refused == recorded

    async def test_a_policy_on_one_path_reaches_only_that_path(self, world: World) -> None:
        lead = await world.actor(
            allow("iam:CreateUser", "iam:TagUser", on="arn:iam:iam::main:user/team/*")
        )
        await create(lead)
        answer = await lead.http.post("/v1/users", json={**ALICE, "name": "bob", "path": "/"})
        assert code(answer) == (403, "access_denied")

    async def test_tags_at_creation_need_the_permission_to_tag(self, world: World) -> None:
        creator = await world.actor(allow("iam:CreateUser"))
        answer = await creator.http.post("/v1/users", json=ALICE)
        assert code(answer) == (403, "access_denied")

    async def test_a_deny_beats_the_administrators_policy(self, world: World, admin: Actor) -> None:
        user = await create(admin)
        limited = await world.actor(allow("*"), deny("iam:DeleteUser"))
        answer = await limited.http.delete("/v1/users/alice", headers={"If-Match": "*"})
        assert code(answer) == (403, "access_denied")
        assert (await admin.http.get("/v1/users/alice")).json() == user

    async def test_aa_04_another_accounts_user_looks_like_one_that_does_not_exist(
        self, world: World, admin: Actor
    ) -> None:
        user = await create(admin)
        await world.account("acme")
        stranger = await world.administrator("acme")
        theirs = await stranger.http.get(f"/v1/users/{user['id']}")
        nothing = await stranger.http.get("/v1/users/usr_01jz2k6q8efr0t2v4x6z8b0d2f")
        assert theirs.status_code == nothing.status_code == 404
        same = {"type", "title", "status", "code"}
        assert {k: theirs.json()[k] for k in same} == {k: nothing.json()[k] for k in same}
        assert (await stranger.http.get("/v1/users")).json()["items"] == []

    async def test_mt_01_two_accounts_may_use_the_same_name(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        await world.account("acme")
        other = await create(await world.administrator("acme"))
        assert other["arn"] == "arn:iam:iam::acme:user/team/alice"


class TestUpdate:
    async def test_only_named_members_change(self, world: World, admin: Actor) -> None:
        user = await create(admin)
        answer = await admin.http.patch(
            "/v1/users/alice", json={"email": None}, headers={"If-Match": f'"{user["version"]}"'}
        )
        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["email"], changed["display_name"]) == (None, "Alice Ng")
        (event,) = [e for e in await world.events() if e.type == "iam.user.updated.v1"]
        assert (event.before, event.after) == ({"email": "alice@corp.local"}, {"email": None})

    async def test_aa_11_a_stale_or_missing_version_changes_nothing(self, admin: Actor) -> None:
        user = await create(admin)
        url = "/v1/users/alice"
        missing = await admin.http.patch(url, json={"email": None})
        stale = await admin.http.patch(url, json={"email": None}, headers={"If-Match": '"99"'})
        weak = await admin.http.patch(url, json={"email": None}, headers={"If-Match": 'W/"1"'})
        assert code(missing) == (428, "if_match_required")
        assert code(stale) == (412, "etag_mismatch")
        assert code(weak) == (400, "if_match_malformed")
        assert (await admin.http.get(url)).json() == user

    async def test_a_patch_that_changes_nothing_is_no_event(
        self, world: World, admin: Actor
    ) -> None:
        user = await create(admin)
        body = {"display_name": ALICE["display_name"]}
        answer = await admin.http.patch("/v1/users/alice", json=body, headers={"If-Match": "*"})
        assert answer.json() == user
        assert not [e for e in await world.events() if e.type == "iam.user.updated.v1"]

    async def test_an_unchanged_user_is_not_sent_again(self, admin: Actor) -> None:
        user = await create(admin)
        headers = {"If-None-Match": f'"{user["version"]}"'}
        answer = await admin.http.get("/v1/users/alice", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")


class TestTags:
    async def test_tags_are_merged_and_removed_without_regard_to_case(self, admin: Actor) -> None:
        await create(admin)
        added = await admin.http.post(
            "/v1/users/alice/tags", json={"tags": {"Team": "risk", "site": "berlin"}}
        )
        assert added.json()["tags"] == {"Team": "risk", "site": "berlin"}
        left = await admin.http.delete("/v1/users/alice/tags?key=TEAM&key=unknown")
        assert left.json()["tags"] == {"site": "berlin"}

    async def test_pe_20_a_condition_can_protect_a_tag_key(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        protected = {
            **deny("iam:TagUser"),
            "Condition": {"ForAnyValue:StringEquals": {"iam:TagKeys": "team"}},
        }
        tagger = await world.actor(allow("iam:TagUser"), protected)
        free = await tagger.http.post("/v1/users/alice/tags", json={"tags": {"site": "berlin"}})
        kept = await tagger.http.post("/v1/users/alice/tags", json={"tags": {"team": "admins"}})
        assert (free.status_code, kept.status_code) == (200, 403)


class TestStatus:
    async def test_disabling_ends_every_token_of_the_user_for_good(
        self, world: World, admin: Actor
    ) -> None:
        user = await world.actor(allow("iam:GetUser"), name="carol", kind=User)
        assert (await user.http.get("/v1/users/carol")).status_code == 200
        assert (await admin.http.post("/v1/users/carol:disable")).json()["status"] == "disabled"
        assert code(await user.http.get("/v1/users/carol")) == (401, "token_revoked")
        assert (await admin.http.post("/v1/users/carol:enable")).json()["status"] == "active"
        assert code(await user.http.get("/v1/users/carol")) == (401, "token_revoked")

    async def test_disabling_twice_is_one_event(self, world: World, admin: Actor) -> None:
        await create(admin)
        for _ in range(2):
            assert (await admin.http.post("/v1/users/alice:disable")).status_code == 200
        events = [e for e in await world.events() if e.type == "iam.user.disabled.v1"]
        assert len(events) == 1


class TestReferences:
    @pytest.mark.parametrize(
        "reference",
        ["1", "-1", "1e3", "null", "true", "[]", "*", "%2A", "usr_", "usr_" + "0" * 26,
         "svc_" + "0" * 26, "550e8400-e29b-41d4-a716-446655440000", "a" * 700,
         "%27%20OR%201=1--", "%E2%98%83", "alice%20", "alice%00"],
    )  # fmt: skip
    @pytest.mark.any_database
    async def test_aa_08_a_reference_of_another_form_names_nobody(
        self, admin: Actor, reference: str
    ) -> None:
        await create(admin)
        answer = await admin.http.get(f"/v1/users/{reference}")
        assert code(answer) == (404, "not_found")

    async def test_pe_22_pe_31_one_user_is_judged_alike_however_it_is_named(
        self, world: World, admin: Actor
    ) -> None:
        user = await create(admin)
        await create(admin, name="bob")
        reader = await world.actor(allow("iam:GetUser"), deny("iam:GetUser", on=str(user["arn"])))
        for reference in ("alice", "ALICE", "Alice", user["id"]):
            assert (await reader.http.get(f"/v1/users/{reference}")).status_code == 403, reference
        assert (await reader.http.get("/v1/users/bob")).status_code == 200

    async def test_mt_04_what_another_account_has_already_is_free_here(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        other = await world.administrator("acme")
        audience = "https://billing.example"
        service = {"name": "b", "owner": "group/administrators", "audiences": [audience]}
        for actor in (admin, other):
            user = await actor.http.post("/v1/users", json={"name": "a", "email": "a@b.example"})
            made = await actor.http.post("/v1/services", json=service)
            assert (user.status_code, made.status_code) == (201, 201)


class TestDelete:
    async def test_mt_10_a_deleted_user_is_gone_its_name_is_free_and_its_id_is_not(
        self, world: World, admin: Actor
    ) -> None:
        user = await create(admin)
        answer = await admin.http.delete("/v1/users/alice", headers={"If-Match": "*"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert code(await admin.http.get("/v1/users/alice")) == (404, "not_found")
        assert (await create(admin))["id"] != user["id"]
        (event,) = [e for e in await world.events() if e.type == "iam.user.deleted.v1"]
        assert event.before is not None
        assert event.before["name"] == "alice"
        assert event.after is None


class TestList:
    async def test_pages_follow_each_other_and_hold_every_user_once(self, admin: Actor) -> None:
        names = [f"user-{number}" for number in range(5)]
        for name in names:
            await create(admin, name=name)
        seen: list[str] = []
        url: str | None = "/v1/users?limit=2"
        while url:
            page = await admin.http.get(url)
            seen += [user["name"] for user in page.json()["items"]]
            assert len(page.json()["items"]) <= 2
            url = page.links.get("next", {}).get("url")
        assert seen == names

    async def test_hd_03_the_link_to_the_next_page_names_no_host(self, admin: Actor) -> None:
        for name in ("a", "b"):
            await create(admin, name=name)
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        page = await admin.http.get("/v1/users?limit=1&status=active", headers=headers)
        url = page.links["next"]["url"]
        assert url.startswith("/v1/users?limit=1&status=active&cursor=")
        assert [user["name"] for user in (await admin.http.get(url)).json()["items"]] == ["b"]

    async def test_filters_narrow_the_list(self, admin: Actor) -> None:
        await create(admin, name="in")
        await create(admin, name="out", path="/other/")
        await create(admin, name="off")
        await admin.http.post("/v1/users/off:disable")
        found = await admin.http.get("/v1/users?path_prefix=/team/&status=active")
        assert [user["name"] for user in found.json()["items"]] == ["in"]

    @pytest.mark.any_database
    @pytest.mark.parametrize("query", ["limit=0", "limit=1000000000", "limit=-1", "status=gone"])
    async def test_aa_18_odd_limits_and_filters_are_refused(self, admin: Actor, query: str) -> None:
        answer = await admin.http.get(f"/v1/users?{query}")
        assert code(answer) == (422, "validation_failed")

    async def test_aa_17_a_cursor_is_good_only_where_it_was_given(
        self, world: World, admin: Actor
    ) -> None:
        for name in ("a", "b"):
            await create(admin, name=name)
        cursor = (await admin.http.get("/v1/users?limit=1")).json()["next_cursor"]
        tampered = ("A" if cursor[0] != "A" else "B") + cursor[1:]
        await world.account("acme")
        stranger = await world.administrator("acme")
        answers = [
            await admin.http.get("/v1/users", params={"cursor": tampered}),
            await admin.http.get("/v1/users", params={"cursor": cursor, "status": "active"}),
            await stranger.http.get("/v1/users", params={"cursor": cursor}),
        ]
        assert {code(answer) for answer in answers} == {(400, "cursor_invalid")}
