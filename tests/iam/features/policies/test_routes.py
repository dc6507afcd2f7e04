import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from iam.models import InlinePolicy, Policy, PolicyVersion, Principal
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio

OPEN = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
ANY_VERSION = {"If-Match": "*"}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


READ = document(allow("billing:GetInvoice", on="arn:iam:billing::main:invoice/*"))


async def created(actor: Actor, name: str = "invoices", **members: Any) -> dict[str, Any]:
    body = {"name": name, "document": READ, **members}
    answer = await actor.http.post("/v1/policies", json=body)
    assert answer.status_code == 201, answer.text
    policy: dict[str, Any] = answer.json()
    del policy["findings"]  # those have a test of their own
    return policy


async def add_version(actor: Actor, policy: str, **members: Any) -> Any:
    body = {"document": READ, **members}
    return await actor.http.post(f"/v1/policies/{policy}/versions", json=body)


class TestManagedPolicies:
    async def test_a_policy_can_be_read_by_name_id_and_arn(self, admin: Actor) -> None:
        policy = await created(admin, path="/team/", description="reads", tags={"team": "pay"})
        assert policy["arn"] == "arn:iam:iam::main:policy/team/invoices"
        assert (policy["default_version_id"], policy["is_shipped"]) == ("v1", False)
        for reference in ("invoices", "INVOICES", policy["id"], policy["arn"]):
            read = await admin.http.get(f"/v1/policies/{reference}")
            assert read.json() == policy, reference
        for elsewhere in ("arn:iam:iam::main:policy/invoices", "arn:iam:iam::acme:policy/x"):
            assert (await admin.http.get(f"/v1/policies/{elsewhere}")).status_code == 404

    async def test_the_document_is_kept_as_compact_text(self, admin: Actor, world: World) -> None:
        policy = await created(admin)
        async with world.work() as uow:
            stored = await uow.get(PolicyVersion, (policy["id"], 1))
            assert stored is not None
            assert stored.document == (
                '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
                '"Action":["billing:GetInvoice"],"Resource":"arn:iam:billing::main:invoice/*"}]}'
            )
        version = await admin.http.get("/v1/policies/invoices/versions/v1")
        assert version.json()["document"] == READ
        assert version.json()["is_default"] is True

    async def test_lists_show_own_and_shipped_policies(self, admin: Actor) -> None:
        own = [(await created(admin, f"p{number}"))["name"] for number in range(3)]
        listed: dict[str, list[str]] = {}
        for scope in ("all", "local", "shipped"):
            names: list[str] = []
            address = f"/v1/policies?scope={scope}&limit=2"
            while address:
                page = (await admin.http.get(address)).json()
                names += [item["name"] for item in page["items"]]
                cursor = page["next_cursor"]
                address = f"/v1/policies?scope={scope}&limit=2&cursor={cursor}" if cursor else ""
            listed[scope] = names
        assert listed["local"] == own
        assert "ReadOnlyAccess" in listed["shipped"]
        assert sorted(listed["all"]) == sorted(own + listed["shipped"])

    async def test_description_and_tags_change_with_events(
        self, admin: Actor, world: World
    ) -> None:
        policy = await created(admin)
        stale = {"If-Match": '"7"'}
        address = "/v1/policies/invoices"
        refused = await admin.http.patch(address, json={"description": "x"}, headers=stale)
        assert refused.status_code == 412
        current = {"If-Match": f'"{policy["version"]}"'}
        changed = await admin.http.patch(address, json={"description": "new"}, headers=current)
        assert changed.json()["description"] == "new"
        await admin.http.post(f"{address}/tags", json={"tags": {"team": "a", "site": "b"}})
        untagged = await admin.http.delete(f"{address}/tags?key=TEAM")
        assert untagged.json()["tags"] == {"site": "b"}
        types = [entry.type for entry in await world.events() if entry.target_id == policy["id"]]
        assert types == [
            "iam.policy.created.v1",
            "iam.policy.updated.v1",
            "iam.policy.tagged.v1",
            "iam.policy.tagged.v1",
        ]

    async def test_a_policy_in_use_cannot_be_deleted(self, admin: Actor, world: World) -> None:
        await created(admin)
        actor = await world.actor()
        held = f"/v1/services/{actor.name}/attached-policies/invoices"
        assert (await admin.http.put(held)).status_code == 200
        refused = await admin.http.delete("/v1/policies/invoices", headers=ANY_VERSION)
        assert (refused.status_code, refused.json()["code"]) == (409, "policy_in_use")
        await admin.http.delete(held)
        limit = f"/v1/services/{actor.name}/permissions-boundary"
        assert (
            await admin.http.put(limit, json={"policy": "invoices"}, headers=ANY_VERSION)
        ).status_code == 200
        refused = await admin.http.delete("/v1/policies/invoices", headers=ANY_VERSION)
        assert (refused.status_code, refused.json()["code"]) == (409, "policy_in_use")
        await admin.http.delete(limit, headers=ANY_VERSION)
        deleted = await admin.http.delete("/v1/policies/invoices", headers=ANY_VERSION)
        assert deleted.status_code == 204
        async with world.work() as uow:
            left = await uow.scalars(select(PolicyVersion).where(PolicyVersion.account == "main"))
            assert left.all() == []

    @pytest.mark.parametrize(
        ("path", "name"),
        [("/versions/", "v1"), ("/team/tags/", "x"), ("/entities/", "x"), ("/", "versions")],
    )
    async def test_an_arn_that_would_be_the_address_of_something_else_is_refused(
        self, admin: Actor, path: str, name: str
    ) -> None:
        body = {"name": name, "path": path, "document": OPEN}
        answer = await admin.http.post("/v1/policies", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "name_reserved")
        # Whatever else may be, its ARN leads to it.
        body = {"name": "v1", "path": "/versions-of/team/", "document": OPEN}
        made = await admin.http.post("/v1/policies", json=body)
        found = await admin.http.get(f"/v1/policies/{made.json()['arn']}")
        assert {**found.json(), "findings": made.json()["findings"]} == made.json()

    async def test_nobody_changes_a_shipped_policy(self, admin: Actor) -> None:
        address = "/v1/policies/ReadOnlyAccess"
        answers = [
            await admin.http.patch(address, json={"description": "x"}, headers=ANY_VERSION),
            await admin.http.delete(address, headers=ANY_VERSION),
            await add_version(admin, "ReadOnlyAccess", document=OPEN),
            await admin.http.post(f"{address}/tags", json={"tags": {"a": "b"}}),
        ]
        assert [answer.json()["code"] for answer in answers] == ["policy_is_shipped"] * 4
        assert {answer.status_code for answer in answers} == {409}

    async def test_entities_tell_who_uses_a_policy(self, admin: Actor, world: World) -> None:
        policy = await created(admin)
        one, two = await world.actor(), await world.actor()
        for holder in (f"services/{one.name}", f"services/{two.name}", "groups/administrators"):
            assert (
                await admin.http.put(f"/v1/{holder}/attached-policies/invoices")
            ).status_code == 200
        limit = f"/v1/services/{one.name}/permissions-boundary"
        await admin.http.put(limit, json={"policy": policy["arn"]}, headers=ANY_VERSION)
        found: list[tuple[str, str]] = []
        address = "/v1/policies/invoices/entities?limit=3"
        while address:
            page = (await admin.http.get(address)).json()
            found += [(item["usage"], item["arn"]) for item in page["items"]]
            cursor = page["next_cursor"]
            address = f"/v1/policies/invoices/entities?limit=3&cursor={cursor}" if cursor else ""
        assert sorted(found) == sorted(
            [
                ("attached", one.arn),
                ("attached", two.arn),
                ("attached", "arn:iam:iam::main:group/administrators"),
                ("boundary", one.arn),
            ]
        )


class TestVersions:
    async def test_numbers_are_never_used_again(self, admin: Actor) -> None:
        await created(admin)
        for number in (2, 3):
            assert (await add_version(admin, "invoices")).json()["version_id"] == f"v{number}"
        deleted = await admin.http.delete("/v1/policies/invoices/versions/v3")
        assert deleted.status_code == 204
        assert (await add_version(admin, "invoices")).json()["version_id"] == "v4"
        listed = (await admin.http.get("/v1/policies/invoices/versions")).json()["items"]
        assert [item["version_id"] for item in listed] == ["v4", "v2", "v1"]
        assert [item["is_default"] for item in listed] == [False, False, True]

    async def test_there_are_at_most_five_even_when_asked_for_at_once(self, admin: Actor) -> None:
        await created(admin)
        answers = await asyncio.gather(*(add_version(admin, "invoices") for _ in range(10)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] * 4 + [409] * 6
        listed = (await admin.http.get("/v1/policies/invoices/versions")).json()["items"]
        assert [item["version_id"] for item in listed] == ["v5", "v4", "v3", "v2", "v1"]

    async def test_the_default_version_cannot_be_deleted_and_can_be_moved(
        self, admin: Actor
    ) -> None:
        await created(admin)
        await add_version(admin, "invoices", document=OPEN)
        address = "/v1/policies/invoices/versions"
        refused = await admin.http.delete(f"{address}/v1")
        assert (refused.status_code, refused.json()["code"]) == (409, "default_version")
        moved = await admin.http.post(f"{address}/v2:set-default")
        assert moved.json()["default_version_id"] == "v2"
        assert (await admin.http.delete(f"{address}/1")).status_code == 204
        for missing in ("v1", "v9", "0", "v-1", "latest"):
            assert (await admin.http.get(f"{address}/{missing}")).status_code == 404

    async def test_aa_11_moving_the_default_heeds_the_version_of_who_sends_it(
        self, admin: Actor
    ) -> None:
        policy = await created(admin)
        await add_version(admin, "invoices")
        address = "/v1/policies/invoices/versions"
        stale = {"If-Match": f'"{policy["version"]}"'}
        body = {"document": OPEN, "set_as_default": True}
        refused = [
            await admin.http.post(f"{address}/v2:set-default", headers=stale),
            await admin.http.post(address, json=body, headers=stale),
        ]
        assert {answer.status_code for answer in refused} == {412}
        seen = await admin.http.get("/v1/policies/invoices")
        assert seen.json()["default_version_id"] == "v1"
        now = {"If-Match": seen.headers["etag"]}
        moved = await admin.http.post(f"{address}/v2:set-default", headers=now)
        assert moved.json()["default_version_id"] == "v2"

    async def test_pe_01_writing_a_version_does_not_make_it_count(
        self, admin: Actor, world: World
    ) -> None:
        author = await world.actor(allow("iam:CreatePolicyVersion"))
        await created(admin)
        await admin.http.put(f"/v1/services/{author.name}/attached-policies/invoices")
        written = await add_version(author, "invoices", document=OPEN)
        assert written.json()["is_default"] is False
        refused = await add_version(author, "invoices", document=OPEN, set_as_default=True)
        assert refused.status_code == 403
        moved = await author.http.post("/v1/policies/invoices/versions/v2:set-default")
        assert moved.status_code == 403
        assert (await author.http.get("/v1/users")).status_code == 403
        versions = (await admin.http.get("/v1/policies/invoices/versions")).json()["items"]
        assert len(versions) == 2

    async def test_pe_01_the_boundary_holds_whoever_sets_the_default(
        self, admin: Actor, world: World
    ) -> None:
        author = await world.actor(
            allow("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:ListUsers")
        )
        await created(admin)
        limit = document(allow("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"))
        await created(admin, "limit", document=limit)
        address = f"/v1/services/{author.name}"
        await admin.http.put(f"{address}/attached-policies/invoices")
        assert (await author.http.get("/v1/users")).status_code == 200
        await admin.http.put(
            f"{address}/permissions-boundary", json={"policy": "limit"}, headers=ANY_VERSION
        )
        answer = await add_version(author, "invoices", document=OPEN, set_as_default=True)
        assert answer.status_code == 201
        assert (await author.http.get("/v1/users")).status_code == 403

    async def test_rc_15_facts_that_are_read_after_the_commit_know_the_new_document(
        self, admin: Actor, world: World
    ) -> None:
        reader = await world.actor()
        await created(admin)
        await admin.http.put(f"/v1/services/{reader.name}/attached-policies/invoices")
        facts = world.runtime.principals
        for number in range(2, 6):
            before = await facts.get(reader.id)
            text = document(allow(f"billing:Do{number}"))
            filled = asyncio.gather(*(facts.get(reader.id) for _ in range(20)))
            answer = await add_version(admin, "invoices", document=text, set_as_default=True)
            assert answer.status_code == 201
            after = await facts.get(reader.id)
            await filled
            again = await facts.get(reader.id)
            assert before is not None
            assert after is not None
            assert again is not None
            assert after.identity.content_hash == again.identity.content_hash
            assert after.identity.content_hash != before.identity.content_hash
            allowed = after.identity.tables(f"billing:Do{number}")[1]
            assert allowed is not None


class TestNames:
    async def test_pe_05_no_policy_is_called_like_a_shipped_one(
        self, admin: Actor, world: World
    ) -> None:
        for name in ("AdministratorAccess", "administratoraccess", "READONLYACCESS"):
            answer = await admin.http.post("/v1/policies", json={"name": name, "document": READ})
            assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
        twins = (
            " AdministratorAccess",
            "AdministratorAccess ",
            "AdministratorAccess\u200b",
            "\uff21dministratorAccess",
            "Adm\u0131nistratorAccess",
            "AdministratorAcce\u017fs",
        )
        holder = await world.actor()
        for name in twins:
            answer = await admin.http.post("/v1/policies", json={"name": name, "document": READ})
            assert answer.json()["code"] == "name_invalid", name
            address = f"/v1/services/{holder.name}/attached-policies/{name}"
            assert (await admin.http.put(address)).status_code in {400, 404}, name
        attached = await admin.http.get(f"/v1/services/{holder.name}/attached-policies")
        assert attached.json()["items"] == []

    async def test_pe_05_names_that_differ_in_case_are_one(self, admin: Actor) -> None:
        await created(admin, "Root")
        answer = await admin.http.post("/v1/policies", json={"name": "ROOT", "document": READ})
        assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")


def statement(**elements: Any) -> dict[str, Any]:
    present = {"Effect": "Allow", "Action": "a:B", "Resource": "*", **elements}
    return {name: value for name, value in present.items() if value is not None}


DEFECTIVE = {
    "pe_14_principal": document(statement(Principal="*")),
    "pe_14_not_principal": document(statement(NotPrincipal={"IAM": "*"})),
    "pe_14_action_and_not_action": document(statement(NotAction="a:C")),
    "pe_21_no_statement": {"Version": "2012-10-17"},
    "pe_21_empty_list": document(),
    "pe_21_empty_statement": document({}),
    "pe_21_effect_in_lower_case": document(statement(Effect="allow")),
    "pe_21_unknown_element": document(statement(Effekt="Deny")),
    "pe_21_unknown_member": {**READ, "Statements": []},
    "pe_21_empty_actions": document(statement(Action=[])),
    "pe_21_equal_sids": document(statement(Sid="A"), statement(Sid="A")),
    "pe_28_statements": document(*[statement()] * 101),
    "pe_28_stars": document(statement(Resource="arn:iam:a::main:" + "*a" * 200)),
    "pe_28_size": document(statement(Resource=[f"arn:iam:a::main:{n:0400}" for n in range(20)])),
    "pe_28_megabyte": document(statement(Resource=["*" + "x" * 500] * 1_900)),
    "foreign_letters": document(statement(Resource="arn:iam:a::main:\u0436")),
    "bad_condition": document(statement(Condition={"StringEqals": {"a": "b"}})),
}


@pytest.mark.any_database
class TestDocuments:
    async def test_defective_documents_are_refused_where_they_would_be_saved(
        self, admin: Actor, world: World
    ) -> None:
        holder = await world.actor()
        await created(admin)
        for name, defective in DEFECTIVE.items():
            body = {"document": defective}
            for answer in (
                await admin.http.post("/v1/policies", json={"name": "bad", **body}),
                await admin.http.post("/v1/policies/invoices/versions", json=body),
                await admin.http.put(f"/v1/services/{holder.name}/inline-policies/bad", json=body),
            ):
                assert (answer.status_code, answer.json()["code"]) == (400, "policy_invalid"), name
                for error in answer.json()["errors"]:
                    assert error["path"].startswith("$")
                    assert error["found"]
                    assert error["expected"]
        async with world.work() as uow:
            own = (await uow.scalars(select(Policy.name).where(Policy.account == "main"))).all()
            assert own == ["invoices"]
            assert (await uow.scalars(select(InlinePolicy.name))).all() == []

    async def test_every_defect_is_named_at_once(self, admin: Actor) -> None:
        bad = document(statement(Effect="allow", Action="nothing"), statement(Resource=7))
        answer = await admin.http.post("/v1/policies", json={"name": "bad", "document": bad})
        assert [error["path"] for error in answer.json()["errors"]] == [
            "$.Statement[0].Effect",
            "$.Statement[0].Action",
            "$.Statement[1].Resource",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            '{"Effect":"Deny","Effect":"Allow","Action":"a:B","Resource":"*"}',
            '{"Effect":"Allow","Action":"a:B","Resource":"\\ud800"}',
            "[" * 40 + "]" * 40,
            "{" + ",".join(f'"m{n}":1' for n in range(1_001)) + "}",
            "[" + "{}," * 10_000 + "{}]",
        ],
        ids=["duplicate_member", "half_a_surrogate", "depth", "members", "ten_thousand"],
    )
    async def test_pe_21_pe_28_json_that_is_not_strict_is_refused(
        self, admin: Actor, text: str
    ) -> None:
        body = f'{{"name":"bad","document":{{"Version":"2012-10-17","Statement":{text}}}}}'
        json = {"Content-Type": "application/json"}
        answer = await admin.http.post("/v1/policies", content=body, headers=json)
        assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")

    async def test_pe_28_more_than_a_megabyte_is_not_read(self, admin: Actor) -> None:
        body = {"name": "big", "document": {"Statement": "x" * (1 << 20)}}
        answer = await admin.http.post("/v1/policies", json=body)
        assert answer.status_code == 413

    @pytest.mark.parametrize("odd", [None, "text", [], 7, True])
    async def test_a_document_is_an_object(self, admin: Actor, odd: Any) -> None:
        answer = await admin.http.post("/v1/policies", json={"name": "odd", "document": odd})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")

    async def test_pe_14_everything_but_is_taken_where_aws_takes_it(self, admin: Actor) -> None:
        but = document(
            statement(Action=None, NotAction="iam:*"),
            statement(Resource=None, NotResource="arn:iam:a::main:b"),
        )
        await created(admin, "but", document=but)

    async def test_pe_21_a_missing_version_is_accepted(self, admin: Actor) -> None:
        await created(admin, "old", document={"Statement": statement()})


async def test_who_may_not_learns_nothing_about_what_exists(admin: Actor, world: World) -> None:
    policy = await created(admin)
    nobody = await world.actor()
    for reference in (policy["name"], policy["id"], "missing", "AdministratorAccess"):
        answer = await nobody.http.get(f"/v1/policies/{reference}")
        assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")


async def test_a_deny_on_shipped_policies_counts(admin: Actor, world: World) -> None:
    shipped = "arn:iam:iam::iam:policy/*"
    careful = await world.actor(allow("iam:*"), deny("iam:GetPolicy", on=shipped))
    await created(admin)
    assert (await careful.http.get("/v1/policies/invoices")).status_code == 200
    assert (await careful.http.get("/v1/policies/ReadOnlyAccess")).status_code == 403


async def test_another_account_sees_none_of_our_policies(admin: Actor, world: World) -> None:
    policy = await created(admin)
    await world.account("acme")
    stranger = await world.administrator("acme")
    for reference in (policy["name"], policy["id"], policy["arn"]):
        assert (await stranger.http.get(f"/v1/policies/{reference}")).status_code == 404
    names = (await stranger.http.get("/v1/policies?scope=local")).json()["items"]
    assert names == []
    async with world.work() as uow:
        assert await uow.scalar(select(Principal.id).where(Principal.account == "acme"))
