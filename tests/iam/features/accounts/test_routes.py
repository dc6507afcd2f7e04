"""The JSON API of accounts, as an administrator of `main` sees it."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from iam.errors import IamError
from iam.features.accounts import service as accounts
from iam.models import Account, Base
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
JOURNAL = {"audit_entries", "audit_chains", "audit_checkpoints", "outbox_messages", "changes"}


async def create(actor: Actor, name: str = "acme", **body: object) -> dict[str, Any]:
    answer = await actor.http.post("/v1/accounts", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def events_of(world: World, kind: str) -> list[Any]:
    return [
        e
        for e in await world.events()
        if e.type == f"iam.account.{kind}.v1" and e.target_id not in {"main", "iam"}
    ]


async def rows_that_name(world: World, account: str) -> dict[str, int]:
    """In which tables the account's name stands in any column, and how often."""
    found = {}
    async with world.work() as uow:
        for table in Base.metadata.sorted_tables:
            rows = (await uow.execute(select(table))).all()
            naming = [row for row in rows if any(account in str(value) for value in row)]
            if naming:
                found[table.name] = len(naming)
    return found


class TestAccounts:
    async def test_a_created_account_is_read_and_changed(self, world: World, admin: Actor) -> None:
        answer = await admin.http.post("/v1/accounts", json={"name": "acme", "description": "a"})
        assert answer.status_code == 201, answer.text
        account = answer.json()
        assert account["arn"] == "arn:iam:organizations::main:account/acme"
        assert account["status"] == "active"
        assert answer.headers["location"] == "/v1/accounts/acme"
        url = "/v1/accounts/acme"
        read = await admin.http.get(url)
        assert (read.json(), read.headers["etag"]) == (account, f'"{account["version"]}"')
        body = {"description": "b"}
        assert code(await admin.http.patch(url, json=body)) == (428, "if_match_required")
        stale = {"If-Match": '"9"'}
        assert code(await admin.http.patch(url, json=body, headers=stale)) == (412, "etag_mismatch")
        seen = {"If-Match": read.headers["etag"]}
        assert (await admin.http.patch(url, json=body, headers=seen)).json()["description"] == "b"
        (created,), (updated,) = (
            await events_of(world, "created"),
            await events_of(world, "updated"),
        )
        # What happens to accounts is told in the audit log of `main`.
        assert (created.account, created.actor, created.subject) == (
            "main",
            admin.arn,
            account["arn"],
        )
        assert (updated.before, updated.after) == ({"description": "a"}, {"description": "b"})

    async def test_names_follow_the_rules_and_are_taken_once(self, admin: Actor) -> None:
        await create(admin, "123456789012")
        for name, expected in {
            "123456789012": (409, "name_taken"),
            "main": (400, "account_name_reserved"),
            "iam": (400, "account_name_reserved"),
            "Acme": (400, "account_name_invalid"),
            "a" * 64: (422, "validation_failed"),
        }.items():
            answer = await admin.http.post("/v1/accounts", json={"name": name})
            assert code(answer) == expected, name
        extra = await admin.http.post("/v1/accounts", json={"name": "x", "status": "suspended"})
        assert code(extra) == (422, "validation_failed")

    async def test_the_list_is_paged_and_leaves_out_the_account_of_shipped_policies(
        self, admin: Actor
    ) -> None:
        await create(admin, "b")
        await create(admin, "a")
        first = (await admin.http.get("/v1/accounts?limit=2")).json()
        assert [item["name"] for item in first["items"]] == ["a", "b"]
        rest = (await admin.http.get(f"/v1/accounts?cursor={first['next_cursor']}")).json()
        assert [item["name"] for item in rest["items"]] == ["main"]
        for method in ("GET", "DELETE"):
            answer = await admin.http.request(method, "/v1/accounts/iam", headers=ANY)
            assert code(answer) == (404, "not_found")

    async def test_rc_06_of_many_equal_creations_one_succeeds(
        self, world: World, admin: Actor
    ) -> None:
        answers = await asyncio.gather(
            *(admin.http.post("/v1/accounts", json={"name": "race"}) for _ in range(50))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
        async with world.work() as uow:
            query = select(func.count()).select_from(Account).where(Account.name == "race")
            assert await uow.scalar(query) == 1


class TestPermissions:
    async def operations(self, http: httpx2.AsyncClient) -> list[httpx2.Response]:
        url = "/v1/accounts/acme"
        return [
            await http.get("/v1/accounts"),
            await http.get(url),
            await http.get("/v1/accounts/no-such-account"),
            await http.post("/v1/accounts", json={"name": "mine"}),
            await http.patch(url, json={"description": "x"}, headers=ANY),
            await http.post(f"{url}:suspend"),
            await http.post(f"{url}:reactivate"),
            await http.delete(url, headers=ANY),
        ]

    async def test_aa_02_without_a_policy_every_operation_is_denied_and_changes_nothing(
        self, world: World, admin: Actor
    ) -> None:
        account = await create(admin)
        nobody = await world.actor()
        before = len([e for e in await world.events() if e.outcome != "denied"])
        answers = await self.operations(nobody.http)
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        assert len([e for e in await world.events() if e.outcome != "denied"]) == before
        assert (await admin.http.get("/v1/accounts/acme")).json() == account

    async def test_aa_14_an_administrator_of_another_account_may_do_nothing_to_accounts(
        self, world: World, admin: Actor
    ) -> None:
        account = await create(admin)
        answers = await self.operations((await world.administrator("acme")).http)
        assert [code(answer) for answer in answers] == [(403, "access_denied")] * len(answers)
        assert (await admin.http.get("/v1/accounts/acme")).json() == account

    async def test_not_even_another_accounts_root_may(self, world: World, admin: Actor) -> None:
        await create(admin)
        with pytest.raises(IamError) as caught:
            async with world.work("acme") as uow:
                await accounts.create_account(uow, name="mine")
        assert caught.value.code == "access_denied"


class TestSuspension:
    async def test_nobody_in_a_suspended_account_may_act_and_old_tokens_stay_ended(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin)
        member = await world.administrator("acme")
        assert (await member.http.get("/v1/users")).status_code == 200
        url = "/v1/accounts/acme"
        for _ in range(2):
            assert (await admin.http.post(f"{url}:suspend")).json()["status"] == "suspended"
        assert code(await member.http.get("/v1/users")) == (401, "token_revoked")
        assert code(await member.http.get("/v1/me")) == (401, "token_revoked")
        fresh = await world.token_for(member.id)
        assert code(await world.client(fresh).get("/v1/me")) == (401, "token_revoked")
        for _ in range(2):
            assert (await admin.http.post(f"{url}:reactivate")).json()["status"] == "active"
        assert code(await member.http.get("/v1/users")) == (401, "token_revoked")
        again = await world.token_for(member.id)
        assert (await world.client(again).get("/v1/users")).status_code == 200
        # The administrators of other accounts noticed nothing.
        assert (await admin.http.get("/v1/me")).status_code == 200
        (suspended,) = await events_of(world, "suspended")
        assert (suspended.before, suspended.after) == (
            {"status": "active"},
            {"status": "suspended"},
        )
        assert len(await events_of(world, "reactivated")) == 1

    async def test_main_is_neither_suspended_nor_deleted(self, admin: Actor) -> None:
        url = "/v1/accounts/main"
        assert code(await admin.http.post(f"{url}:suspend")) == (409, "account_protected")
        assert code(await admin.http.delete(url, headers=ANY)) == (409, "account_protected")


class TestDeletion:
    async def test_mt_09_deletion_leaves_no_rows_and_a_new_account_inherits_nothing(
        self, world: World, admin: Actor
    ) -> None:
        name = "acme-canary"
        await create(admin, name)
        member = await world.actor(allow("*"), name="boss", account=name)
        await self.fill(member)
        url = f"/v1/accounts/{name}"
        assert code(await admin.http.delete(url, headers=ANY)) == (409, "account_active")
        await admin.http.post(f"{url}:suspend")
        filled = set(await rows_that_name(world, name))
        assert {"principals", "groups", "group_memberships", "policies", "policy_versions",
                "policy_attachments", "inline_policies", "service_audiences", "issued_tokens",
                "idempotency_records", "credentials", "accounts"} <= filled  # fmt: skip
        assert code(await admin.http.delete(url)) == (428, "if_match_required")
        assert (await admin.http.delete(url, headers=ANY)).status_code == 204
        assert set(await rows_that_name(world, name)) <= JOURNAL
        assert code(await admin.http.get(url)) == (404, "not_found")
        assert code(await member.http.get("/v1/me")) == (401, "token_revoked")
        (deleted,) = await events_of(world, "deleted")
        assert deleted.actor == admin.arn
        assert await world.events(account=name), "audit entries stay"

        await create(admin, name)
        heir = await world.administrator(name)
        assert code(await member.http.get("/v1/me")) == (401, "token_revoked")
        assert (await heir.http.get("/v1/users")).json()["items"] == []
        assert (await heir.http.get("/v1/roles")).json()["items"] == []
        services = (await heir.http.get("/v1/services")).json()["items"]
        assert [service["id"] for service in services] == [heir.id]

    async def fill(self, member: Actor) -> None:
        """One row of every kind that an account can have."""
        document = {"Version": "2012-10-17", "Statement": [allow("iam:GetUser")]}
        arn = f"arn:iam:iam::{member.account}:"
        trust = {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"IAM": f"{arn}user/alice"},
                "Action": "sts:AssumeRole",
            },
        }
        steps: list[tuple[str, str, dict[str, Any] | None]] = [
            ("POST", "/v1/policies", {"name": "reading", "document": document}),
            ("POST", "/v1/users", {"name": "alice"}),
            ("POST", "/v1/groups", {"name": "team"}),
            ("POST", "/v1/services", {"name": "orders", "owner": "user/alice"}),
            ("POST", "/v1/services", {"name": "billing", "owner": "group/team"}),
            ("POST", "/v1/services/orders/credentials", {"kind": "client_secret"}),
            ("POST", "/v1/roles", {"name": "deployer", "trust_policy": trust}),
            ("PUT", "/v1/groups/team/members/user/alice", None),
            ("PUT", f"/v1/groups/team/attached-policies/{arn}policy/reading", None),
            ("PUT", f"/v1/users/alice/attached-policies/{arn}policy/reading", None),
            ("PUT", "/v1/services/orders/inline-policies/own", {"document": document}),
            ("PUT", "/v1/roles/deployer/permissions-boundary", {"policy": f"{arn}policy/reading"}),
        ]
        for number, (method, url, body) in enumerate(steps):
            versioned = ANY if url.endswith("-boundary") else {}
            headers = {"Idempotency-Key": f"step-{number}", **versioned}
            answer = await member.http.request(method, url, json=body, headers=headers)
            assert answer.is_success, (url, answer.text)

    async def test_an_account_that_a_role_elsewhere_trusts_is_not_deleted(
        self, admin: Actor
    ) -> None:
        await create(admin)
        await create(admin, "acme-2")
        trust = {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": {"IAM": "acme"},
                "Action": "sts:AssumeRole",
            },
        }
        role = {"name": "partner", "trust_policy": trust}
        assert (await admin.http.post("/v1/roles", json=role)).status_code == 201
        for name, expected in {"acme": 409, "acme-2": 204}.items():
            await admin.http.post(f"/v1/accounts/{name}:suspend")
            answer = await admin.http.delete(f"/v1/accounts/{name}", headers=ANY)
            assert answer.status_code == expected, answer.text
        assert (await admin.http.get("/v1/accounts/acme")).json()["status"] == "suspended"
        assert (await admin.http.delete("/v1/roles/partner", headers=ANY)).status_code == 204
        deleted = await admin.http.delete("/v1/accounts/acme", headers=ANY)
        assert deleted.status_code == 204
