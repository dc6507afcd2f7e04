"""The JSON API of roles and their trust policies, as an operator's client sees it."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from iam.kit.ids import IdKind, new_id
from iam.models import Role, User
from iam_policy import DocumentKind, Layers, Principal, Request, build_set, compile_stored, evaluate
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
MAIN = {"IAM": "arn:iam:iam::main:root"}


def trust(principal: object, **more: object) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


async def create(actor: Actor, name: str = "deployer", **body: object) -> dict[str, Any]:
    whole = {"name": name, "trust_policy": trust(MAIN), **body}
    answer = await actor.http.post("/v1/roles", json=whole)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    del created["findings"]  # a test of their own
    return created


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def events_of(world: World, kind: str) -> list[Any]:
    return [e for e in await world.events() if e.type == f"iam.role.{kind}.v1"]


async def stored_trust(world: World, role_id: str) -> str:
    async with world.work() as uow:
        row = await uow.get(Role, role_id)
        assert row is not None
        assert row.trust_policy is not None
        return row.trust_policy


def lets_in(document: str, *, arn: str, principal_id: str) -> bool:
    """Whether the engine lets this caller assume a role with the stored trust policy."""
    caller = Principal(arn=arn, account="main", id=principal_id)
    role = "arn:iam:iam::main:role/deployer"
    policy = build_set([("trust", compile_stored(document, DocumentKind.TRUST))])
    request = Request(caller, "sts:AssumeRole", role)
    return evaluate(request, Layers(resource=policy)).allowed


class TestRoles:
    async def test_a_created_role_is_read_by_name_in_any_case_and_by_id(
        self, world: World, admin: Actor
    ) -> None:
        body = {"name": "Deployer", "path": "/ci/", "trust_policy": trust(MAIN)}
        answer = await admin.http.post("/v1/roles", json=body)
        assert answer.status_code == 201, answer.text
        role = answer.json()
        assert role.pop("findings") == []
        assert role["arn"] == "arn:iam:iam::main:role/ci/Deployer"
        assert (role["trust_policy"], role["max_session_seconds"]) == (trust(MAIN), 3600)
        assert answer.headers["location"] == f"/v1/roles/{role['id']}"
        for reference in ("deployer", "DEPLOYER", role["id"]):
            read = await admin.http.get(f"/v1/roles/{reference}")
            assert read.json() == role
            assert read.headers["etag"] == f'"{role["version"]}"'
        assert (await admin.http.get("/v1/roles?path_prefix=/ci/")).json()["items"] == [role]
        (event,) = await events_of(world, "created")
        assert (event.actor, event.before, event.target_id) == (admin.arn, None, role["id"])
        assert event.after["max_session_seconds"] == 3600
        url, tag = f"/v1/roles/{role['id']}/trust-policy", {"If-Match": "*"}
        misspelt = {"trust_policy": trust(MAIN, Action="sts:AssumeRoel")}
        (finding,) = (await admin.http.put(url, json=misspelt, headers=tag)).json()["findings"]
        assert (finding["code"], finding["path"]) == ("unknown-action", "$.Statement[0].Action")

    async def test_names_and_session_lengths_follow_the_rules(self, admin: Actor) -> None:
        await create(admin)
        wrong: list[tuple[dict[str, object], tuple[int, str]]] = [
            ({"name": "DEPLOYER"}, (409, "name_taken")),
            ({"name": "a b"}, (400, "name_invalid")),
            ({"max_session_seconds": 899}, (422, "validation_failed")),
            ({"max_session_seconds": 43_201}, (422, "validation_failed")),
            ({"max_session_seconds": "3600"}, (422, "validation_failed")),
            ({"trust_policy": "{}"}, (422, "validation_failed")),
            ({"trust_policy": {}}, (400, "policy_invalid")),
            ({"id": "rol_1"}, (422, "validation_failed")),
        ]
        for extra, expected in wrong:
            body = {"name": "x", "trust_policy": trust(MAIN), **extra}
            assert code(await admin.http.post("/v1/roles", json=body)) == expected, extra
        missing = await admin.http.post("/v1/roles", json={"name": "x"})
        assert code(missing) == (422, "validation_failed")
        for seconds in (900, 43_200):
            role = await create(admin, f"r{seconds}", max_session_seconds=seconds)
            assert role["max_session_seconds"] == seconds

    async def test_aa_11_changes_need_the_version_that_was_read(
        self, world: World, admin: Actor
    ) -> None:
        role = await create(admin)
        url = "/v1/roles/deployer"
        body = {"max_session_seconds": 7200, "description": "ships"}
        new_trust = {"trust_policy": trust({"IAM": admin.arn})}
        stale = {"If-Match": '"9"'}
        assert code(await admin.http.patch(url, json=body)) == (428, "if_match_required")
        assert code(await admin.http.patch(url, json=body, headers=stale)) == (412, "etag_mismatch")
        for headers, expected in (({}, 428), (stale, 412)):
            answer = await admin.http.put(f"{url}/trust-policy", json=new_trust, headers=headers)
            assert answer.status_code == expected
            assert (await admin.http.delete(url, headers=headers)).status_code == expected
        assert (await admin.http.get(url)).json() == role
        seen = {"If-Match": f'"{role["version"]}"'}
        changed = (await admin.http.patch(url, json=body, headers=seen)).json()
        assert (changed["max_session_seconds"], changed["description"]) == (7200, "ships")
        (event,) = await events_of(world, "updated")
        assert event.before == {"max_session_seconds": 3600, "description": ""}

    async def test_tags_status_and_deletion_are_those_of_every_principal(
        self, world: World, admin: Actor
    ) -> None:
        role = await create(admin)
        url = "/v1/roles/deployer"
        tagged = await admin.http.post(f"{url}/tags", json={"tags": {"team": "risk"}})
        assert tagged.json()["tags"] == {"team": "risk"}
        assert (await admin.http.delete(f"{url}/tags?key=team")).json()["tags"] == {}
        assert (await admin.http.post(f"{url}:disable")).json()["status"] == "disabled"
        assert (await admin.http.post(f"{url}:enable")).json()["status"] == "active"
        assert (await admin.http.delete(url, headers=ANY)).status_code == 204
        assert code(await admin.http.get(url)) == (404, "not_found")
        assert (await create(admin))["id"] != role["id"]
        for kind, count in {"tagged": 2, "disabled": 1, "enabled": 1, "deleted": 1}.items():
            assert len(await events_of(world, kind)) == count

    async def test_rc_06_of_many_equal_creations_one_succeeds(
        self, world: World, admin: Actor
    ) -> None:
        body = {"name": "race", "trust_policy": trust(MAIN)}
        answers = await asyncio.gather(
            *(admin.http.post("/v1/roles", json=body) for _ in range(50))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
        async with world.work() as uow:
            query = select(func.count()).select_from(Role).where(Role.name == "race")
            assert await uow.scalar(query) == 1


class TestPermissions:
    async def test_aa_02_without_a_policy_every_operation_is_denied_and_changes_nothing(
        self, world: World, admin: Actor
    ) -> None:
        role = await create(admin, tags={"team": "ci"})
        nobody = await world.actor()
        before = len([e for e in await world.events() if e.outcome != "denied"])
        url = "/v1/roles/deployer"
        body = {"trust_policy": trust({"IAM": nobody.arn})}
        answers = [
            await nobody.http.get("/v1/roles"),
            await nobody.http.get(url),
            await nobody.http.get("/v1/roles/no-such-role"),
            await nobody.http.post("/v1/roles", json={"name": "x", **body}),
            await nobody.http.patch(url, json={"description": "x"}, headers=ANY),
            await nobody.http.put(f"{url}/trust-policy", json=body, headers=ANY),
            await nobody.http.delete(url, headers=ANY),
            await nobody.http.post(f"{url}:disable"),
            await nobody.http.post(f"{url}:enable"),
            await nobody.http.post(f"{url}/tags", json={"tags": {"a": "b"}}),
            await nobody.http.delete(f"{url}/tags?key=team"),
        ]
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        assert len([e for e in await world.events() if e.outcome != "denied"]) == before
        assert (await admin.http.get(url)).json() == role

    async def test_pe_04_updating_a_role_does_not_permit_to_change_who_may_assume_it(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        url = "/v1/roles/deployer"
        operator = await world.actor(allow("iam:UpdateRole", "iam:GetRole"))
        body = {"trust_policy": trust({"IAM": operator.arn})}
        refused = await operator.http.put(f"{url}/trust-policy", json=body, headers=ANY)
        assert code(refused) == (403, "access_denied")
        smuggled = await operator.http.patch(url, json=body, headers=ANY)
        assert code(smuggled) == (422, "validation_failed")
        assert (await operator.http.get(url)).json()["trust_policy"] == trust(MAIN)
        own = "arn:iam:iam::main:role/deployer"
        trusted = await world.actor(allow("iam:UpdateAssumeRolePolicy", on=own))
        body = {"trust_policy": trust({"IAM": trusted.arn})}
        changed = await trusted.http.put(f"{url}/trust-policy", json=body, headers=ANY)
        assert changed.json()["trust_policy"] == body["trust_policy"]
        again = await trusted.http.put(f"{url}/trust-policy", json=body, headers=ANY)
        assert again.json() == changed.json()
        (event,) = await events_of(world, "trust_policy_updated")
        assert event.actor == trusted.arn
        assert json.loads(event.before["trust_policy"]) == trust(MAIN)
        assert json.loads(event.after["trust_policy"]) == trust({"IAM": trusted.id})

    async def test_aa_04_mt_05_another_accounts_role_looks_like_none(
        self, world: World, admin: Actor
    ) -> None:
        role = await create(admin)
        await world.account("acme")
        stranger = await world.administrator("acme")
        unknown = new_id(IdKind.ROLE, world.clock.now())
        body = {"trust_policy": trust({"IAM": stranger.arn})}
        for method, suffix in (("GET", ""), ("DELETE", ""), ("PUT", "/trust-policy")):
            first, second = [
                await stranger.http.request(
                    method,
                    f"/v1/roles/{reference}{suffix}",
                    json=body if method == "PUT" else None,
                    headers={"X-Request-Id": "same", **ANY},
                )
                for reference in (role["id"], unknown)
            ]
            assert first.status_code == second.status_code == 404
            assert first.text.replace(role["id"], "ID") == second.text.replace(unknown, "ID")
        assert (await stranger.http.get("/v1/roles")).json()["items"] == []
        theirs = await create(stranger)  # MT-01: the same name in both accounts
        assert theirs["arn"] == "arn:iam:iam::acme:role/deployer"
        assert (await admin.http.get("/v1/roles/deployer")).json() == role


class TestTrustPolicy:
    async def test_pe_12_who_gets_a_deleted_principals_name_inherits_nothing(
        self, world: World, admin: Actor
    ) -> None:
        alice = await world.actor(name="alice", kind=User)
        role = await create(admin, trust_policy=trust({"IAM": [alice.arn, admin.arn]}))
        stored = await stored_trust(world, role["id"])
        assert json.loads(stored) == trust({"IAM": [alice.id, admin.id]})
        assert role["trust_policy"] == trust({"IAM": [alice.arn, admin.arn]})
        assert lets_in(stored, arn=alice.arn, principal_id=alice.id)
        await admin.http.delete("/v1/users/alice", headers=ANY)
        again = (await admin.http.post("/v1/users", json={"name": "alice"})).json()
        assert again["arn"] == alice.arn
        assert not lets_in(
            await stored_trust(world, role["id"]), arn=alice.arn, principal_id=again["id"]
        )
        # As in AWS, who is gone is shown by the id; and what is shown can be saved.
        shown = (await admin.http.get("/v1/roles/deployer")).json()["trust_policy"]
        assert shown == trust({"IAM": [alice.id, admin.arn]})
        saved = await admin.http.put(
            "/v1/roles/deployer/trust-policy", json={"trust_policy": shown}, headers=ANY
        )
        assert saved.json()["trust_policy"] == shown

    async def test_an_account_is_kept_as_its_root_and_types_as_they_were_written(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        principal = {"AWS": ["main", "arn:iam:iam::acme:root"], "IAM": admin.id}
        role = await create(admin, trust_policy=trust(principal))
        root = "arn:iam:iam::main:root"
        assert json.loads(await stored_trust(world, role["id"])) == trust(
            {"AWS": [root, "arn:iam:iam::acme:root"], "IAM": admin.id}
        )
        (statement,) = role["trust_policy"]["Statement"]
        assert statement["Principal"]["IAM"] == admin.arn

    async def test_who_is_unknown_is_refused_with_the_json_path(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        stranger = await world.administrator("acme")
        group = (await admin.http.get("/v1/groups/administrators")).json()
        before = len(await world.events())
        for value in (
            "arn:iam:iam::main:user/nobody",
            f"arn:iam:iam::main:service/other/{admin.name}",
            f"arn:iam:iam::main:user/{admin.name}",
            f"arn:aws:iam::main:service/{admin.name}",
            group["arn"],
            group["id"],
            "arn:iam:sts::main:assumed-role/deployer/session",
            "arn:iam:iam::main:saml-provider/corp",
            "no-such-account",
            "arn:iam:iam::no-such-account:root",
            "iam",
            # MT-05: whether or not another account has it.
            stranger.arn,
            "arn:iam:iam::acme:service/nobody",
        ):
            body = {"name": "x", "trust_policy": trust({"IAM": [admin.arn, value]})}
            answer = await admin.http.post("/v1/roles", json=body)
            assert code(answer) == (400, "policy_invalid"), value
            paths = [error["path"] for error in answer.json()["errors"]]
            assert paths == ["$.Statement[0].Principal.IAM[1]"], value
        for other in ({"Federated": "accounts.example.com"}, {"Service": "ec2.amazonaws.com"}):
            body = {"name": "x", "trust_policy": trust(other)}
            assert code(await admin.http.post("/v1/roles", json=body)) == (400, "policy_invalid")
        assert len(await world.events()) == before

    async def test_mt_05_an_id_is_taken_whether_or_not_another_account_has_it(
        self, world: World, admin: Actor
    ) -> None:
        await world.account("acme")
        stranger = await world.administrator("acme")
        unknown = new_id(IdKind.SERVICE, world.clock.now())
        for name, value in (("a", stranger.id), ("b", unknown)):
            role = await create(admin, name, trust_policy=trust({"IAM": value}))
            assert role["trust_policy"] == trust({"IAM": value})  # never another account's name

    async def test_pe_11_everybody_without_a_condition_is_refused(self, admin: Actor) -> None:
        body = {"name": "open", "trust_policy": trust("*")}
        answer = await admin.http.post("/v1/roles", json=body)
        assert code(answer) == (400, "policy_invalid")
        assert answer.json()["errors"][0]["path"] == "$.Statement[0].Principal"
        condition = {"StringEquals": {"iam:PrincipalTag/team": "ci"}}
        role = await create(admin, "open", trust_policy=trust("*", Condition=condition))
        assert role["trust_policy"]["Statement"][0]["Principal"] == "*"
