import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from iam.models import InlinePolicy, Policy, PolicyAttachment, Principal, User
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio

ANY_VERSION = {"If-Match": "*"}
KINDS = ("user", "service", "role", "group")


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


READ = document(allow("billing:GetInvoice"))
WRITE = document(allow("billing:PutInvoice"))


async def create_policy(actor: Actor, name: str = "invoices", text: Any = READ) -> dict[str, Any]:
    answer = await actor.http.post("/v1/policies", json={"name": name, "document": text})
    assert answer.status_code == 201, answer.text
    policy: dict[str, Any] = answer.json()
    return policy


def body_of(admin: Actor, kind: str, name: str) -> dict[str, Any]:
    """A body that creates something that can hold policies."""
    trust = {"Effect": "Allow", "Principal": {"IAM": admin.arn}, "Action": "sts:AssumeRole"}
    bodies: dict[str, dict[str, Any]] = {
        "user": {"name": name},
        "service": {"name": name, "owner": "group/administrators"},
        "role": {"name": name, "trust_policy": document(trust)},
        "group": {"name": name},
    }
    return bodies[kind]


async def create_holder(admin: Actor, kind: str, name: str = "holder") -> str:
    """Make something that can hold policies; returns its address."""
    answer = await admin.http.post(f"/v1/{kind}s", json=body_of(admin, kind, name))
    assert answer.status_code == 201, answer.text
    return f"/v1/{kind}s/{answer.json()['id']}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.any_database
class TestEveryHolder:
    async def test_policies_are_attached_listed_and_detached(
        self, admin: Actor, world: World, kind: str
    ) -> None:
        holder = await create_holder(admin, kind)
        policy = await create_policy(admin)
        for reference in ("invoices", policy["id"], policy["arn"], "ReadOnlyAccess"):
            answer = await admin.http.put(f"{holder}/attached-policies/{reference}")
            assert answer.status_code == 200, answer.text
        first = (await admin.http.get(f"{holder}/attached-policies?limit=1")).json()
        assert [item["arn"] for item in first["items"]] == [policy["arn"]]
        address = f"{holder}/attached-policies?limit=1&cursor={first['next_cursor']}"
        last = (await admin.http.get(address)).json()
        assert [item["arn"] for item in last["items"]] == ["arn:iam:iam::iam:policy/ReadOnlyAccess"]
        assert last["next_cursor"] is None
        for expected in (204, 404):
            gone = await admin.http.delete(f"{holder}/attached-policies/{policy['arn']}")
            assert gone.status_code == expected
        events = [entry for entry in await world.events() if "policy_" in entry.type]
        assert [entry.type for entry in events] == [
            f"iam.{kind}.policy_attached.v1",
            f"iam.{kind}.policy_attached.v1",
            f"iam.{kind}.policy_detached.v1",
        ]
        assert events[0].detail == {"policy": policy["arn"], "policy_id": policy["id"]}
        assert events[0].subject.endswith(f":{kind}/holder")

    async def test_inline_policies_are_written_read_and_deleted(
        self, admin: Actor, world: World, kind: str
    ) -> None:
        holder = f"{await create_holder(admin, kind)}/inline-policies"
        versions: list[int] = []
        for text in (READ, READ, document(deny("billing:*"))):
            headers = {"If-Match": f'"{versions[-1]}"'} if versions else {}
            written = await admin.http.put(
                f"{holder}/own", json={"document": text}, headers=headers
            )
            assert written.json()["document"] == text, written.text
            versions.append(written.json()["version"])
        assert versions == [1, 1, 2]
        read = (await admin.http.get(f"{holder}/own")).json()
        assert {**read, "findings": written.json()["findings"]} == written.json()
        listed = (await admin.http.get(holder)).json()["items"]
        assert [item["name"] for item in listed] == ["own"]
        assert (await admin.http.get(f"{holder}/OWN")).status_code == 404
        for expected in (204, 404):
            gone = await admin.http.delete(f"{holder}/own", headers=ANY_VERSION)
            assert gone.status_code == expected
        types = [entry.type for entry in await world.events() if "inline" in entry.type]
        put, deleted = f"iam.{kind}.inline_policy_put.v1", f"iam.{kind}.inline_policy_deleted.v1"
        assert types == [put, put, deleted]

    async def test_inline_policies_together_have_a_size(self, admin: Actor, kind: str) -> None:
        holder = f"{await create_holder(admin, kind)}/inline-policies"
        most = {"user": 2_048, "service": 10_240, "role": 10_240, "group": 5_120}[kind]

        def sized(size: int) -> dict[str, Any]:
            pad = ["a:" + "x" * 400] * (size // 500)
            text = document({"Effect": "Allow", "Action": ["a:B", *pad], "Resource": "*"})
            missing = size - len(str(text).replace(" ", ""))
            text["Statement"][0]["Action"][0] += "B" * missing
            return text

        # Whole documents first, the last one to fill up exactly what is left.
        sizes = [1_000] * (most // 1_000 - 1)
        sizes.append(most - sum(sizes))
        for number, size in enumerate(sizes):
            body = {"document": sized(size)}
            answer = await admin.http.put(f"{holder}/p{number}", json=body)
            assert answer.status_code == 200, answer.text
        for name, size in (("p0", 1_001), ("more", 200)):
            refused = await admin.http.put(
                f"{holder}/{name}",
                json={"document": sized(size)},
                headers=ANY_VERSION if name == "p0" else {},
            )
            assert (refused.status_code, refused.json()["code"]) == (409, "limit_exceeded")
        replaced = await admin.http.put(
            f"{holder}/p0", json={"document": sized(999)}, headers=ANY_VERSION
        )
        assert replaced.status_code == 200

    async def test_only_a_principal_has_a_boundary(
        self, admin: Actor, world: World, kind: str
    ) -> None:
        holder = await create_holder(admin, kind)
        policy = await create_policy(admin)
        address = f"{holder}/permissions-boundary"
        answer = await admin.http.put(address, json={"policy": policy["arn"]}, headers=ANY_VERSION)
        if kind == "group":
            assert answer.status_code == 404
            return
        shown = (await admin.http.get(holder)).json()
        assert shown["permissions_boundary"] == policy["id"]
        expected_answer = {key: policy[key] for key in ("id", "arn", "name")}
        assert answer.json() == {**expected_answer, "version": shown["version"]}
        again = await admin.http.put(
            address, json={"policy": "invoices"}, headers={"If-Match": answer.headers["etag"]}
        )
        assert again.status_code == 200
        for expected in (204, 404):
            lifted = await admin.http.delete(address, headers=ANY_VERSION)
            assert lifted.status_code == expected
        assert (await admin.http.get(holder)).json()["permissions_boundary"] is None
        types = [entry.type for entry in await world.events() if "boundary" in entry.type]
        put = f"iam.{kind}.permissions_boundary_put.v1"
        assert types == [put, f"iam.{kind}.permissions_boundary_deleted.v1"]


@pytest.mark.parametrize("kind", ["service", "group"])
async def test_aa_11_nobody_overwrites_an_inline_policy_that_they_have_not_seen(
    admin: Actor, world: World, kind: str
) -> None:
    url = f"{await create_holder(admin, kind)}/inline-policies/own"
    second = await world.administrator()
    seen = await admin.http.put(url, json={"document": READ})
    assert seen.headers["etag"] == '"1"'
    first_version = {"If-Match": '"1"'}
    theirs = await second.http.put(url, json={"document": WRITE}, headers=first_version)
    assert (theirs.status_code, theirs.headers["etag"]) == (200, '"2"')
    refused: list[tuple[dict[str, str], int]] = [({}, 428), (first_version, 412)]
    for headers, expected in refused:
        stale = [
            await admin.http.put(url, json={"document": READ}, headers=headers),
            await admin.http.put(url, json={"document": WRITE}, headers=headers),
            await admin.http.delete(url, headers=headers),
        ]
        assert {answer.status_code for answer in stale} == {expected}
    assert (await admin.http.get(url)).json()["document"] == WRITE
    assert (await admin.http.delete(url, headers={"If-Match": '"2"'})).status_code == 204
    # Who changes what somebody else has deleted does not bring it back.
    for headers in ({"If-Match": '"2"'}, ANY_VERSION):
        gone = await admin.http.put(url, json={"document": READ}, headers=headers)
        assert (gone.status_code, gone.json()["code"]) == (412, "etag_mismatch")


async def test_aa_11_nobody_overwrites_a_boundary_that_they_have_not_seen(
    admin: Actor, world: World
) -> None:
    holder = await create_holder(admin, "service")
    await create_policy(admin, "wide")
    await create_policy(admin, "narrow")
    second = await world.administrator()
    url = f"{holder}/permissions-boundary"
    seen = {"If-Match": (await admin.http.get(holder)).headers["etag"]}
    theirs = await second.http.put(url, json={"policy": "narrow"}, headers=seen)
    assert theirs.status_code == 200
    refused: list[tuple[dict[str, str], int]] = [({}, 428), (seen, 412)]
    for headers, expected in refused:
        stale = await admin.http.put(url, json={"policy": "wide"}, headers=headers)
        lifted = await admin.http.delete(url, headers=headers)
        assert (stale.status_code, lifted.status_code) == (expected, expected)
    shown = await admin.http.get(holder)
    assert shown.json()["permissions_boundary"] == theirs.json()["id"]
    assert shown.headers["etag"] == theirs.headers["etag"]
    lifted = await admin.http.delete(url, headers={"If-Match": theirs.headers["etag"]})
    assert lifted.status_code == 204


@pytest.mark.parametrize("kind", ["user", "service", "role", "policy"])
async def test_aa_11_tags_heed_the_version_of_who_sends_it(admin: Actor, kind: str) -> None:
    if kind == "policy":
        await create_policy(admin)
        url = "/v1/policies/invoices"
    else:
        url = await create_holder(admin, kind)
    seen = {"If-Match": (await admin.http.get(url)).headers["etag"]}
    tags = f"{url}/tags"
    # Added unseen, as in AWS: other tags are not touched.
    added = await admin.http.post(tags, json={"tags": {"team": "risk"}})
    assert added.status_code == 200
    stale = [
        await admin.http.post(tags, json={"tags": {"team": "x"}}, headers=seen),
        await admin.http.delete(f"{tags}?key=team", headers=seen),
    ]
    assert {answer.status_code for answer in stale} == {412}
    now = {"If-Match": added.headers["etag"]}
    assert (await admin.http.delete(f"{tags}?key=team", headers=now)).status_code == 200


class TestGrants:
    async def test_a_policy_counts_from_the_next_request_on_until_it_is_detached(
        self, admin: Actor, world: World
    ) -> None:
        actor = await world.actor()
        held = f"/v1/services/{actor.name}/attached-policies/ReadOnlyAccess"
        assert (await actor.http.get("/v1/users")).status_code == 403
        await admin.http.put(held)
        assert (await actor.http.get("/v1/users")).status_code == 200
        await admin.http.delete(held)
        assert (await actor.http.get("/v1/users")).status_code == 403

    async def test_pe_02_attaching_takes_permission_on_holder_and_policy(
        self, admin: Actor, world: World
    ) -> None:
        policy = await create_policy(admin)
        attach = "iam:AttachServicePolicy"
        arn = "arn:iam:iam::main:service/"
        own = await world.actor(allow(attach, on=f"{arn}*"), name="holder-only")
        other = await world.actor(allow(attach, on=policy["arn"]), name="policy-only")
        both = await world.actor(
            allow(attach, on=f"{arn}other"), allow(attach, on=policy["arn"]), name="both"
        )
        await world.actor(name="other")
        for actor, target, expected in (
            (own, "holder-only", 403),
            (own, "other", 403),
            (other, "policy-only", 403),
            (other, "other", 403),
            (both, "both", 403),
            (both, "other", 200),
        ):
            address = f"/v1/services/{target}/attached-policies/invoices"
            assert (await actor.http.put(address)).status_code == expected, (actor.name, target)
        for address in (
            "/v1/services/other/attached-policies/AdministratorAccess",
            "/v1/groups/administrators/attached-policies/invoices",
            "/v1/services/other/attached-policies/missing",
            "/v1/services/missing/attached-policies/invoices",
        ):
            assert (await both.http.put(address)).status_code == 403, address

    async def test_pe_02_a_condition_may_name_the_policies_to_hand_out(
        self, admin: Actor, world: World
    ) -> None:
        policy = await create_policy(admin)
        some = {
            **allow("iam:AttachServicePolicy"),
            "Condition": {"ArnEquals": {"iam:PolicyARN": policy["arn"]}},
        }
        desk = await world.actor(some)
        target = f"/v1/services/{desk.name}/attached-policies"
        assert (await desk.http.put(f"{target}/invoices")).status_code == 200
        assert (await desk.http.put(f"{target}/AdministratorAccess")).status_code == 403

    async def test_pe_06_a_policy_of_another_account_cannot_be_given(
        self, admin: Actor, world: World
    ) -> None:
        policy = await create_policy(admin, text=document(allow("*")))
        await world.account("acme")
        operator = await world.administrator("acme")
        held = f"/v1/services/{operator.name}"
        for reference in (policy["name"], policy["id"], policy["arn"]):
            answer = await operator.http.put(f"{held}/attached-policies/{reference}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            answer = await operator.http.put(
                f"{held}/permissions-boundary", json={"policy": reference}, headers=ANY_VERSION
            )
            assert answer.status_code == 404
        stranger = f"/v1/services/{admin.id}/attached-policies/ReadOnlyAccess"
        assert (await operator.http.put(stranger)).status_code == 404
        async with world.work("acme") as uow:
            query = select(Policy.account).join(PolicyAttachment)
            accounts = await uow.scalars(query.where(PolicyAttachment.account == "acme"))
            assert set(accounts) == {"iam"}

    async def test_pe_07_a_boundary_needs_its_own_permission(
        self, admin: Actor, world: World
    ) -> None:
        await create_policy(admin, "limit", document(allow("iam:*")))
        await create_policy(admin, "wide", document(allow("*")))
        rights = ["iam:AttachServicePolicy", "iam:PutServicePolicy", "iam:UpdateService"]
        limited = await world.actor(allow(*rights))
        own = f"/v1/services/{limited.name}/permissions-boundary"
        await admin.http.put(own, json={"policy": "limit"}, headers=ANY_VERSION)
        assert (await limited.http.put(own, json={"policy": "wide"})).status_code == 403
        assert (await limited.http.delete(own)).status_code == 403
        shown = await admin.http.get(f"/v1/services/{limited.name}")
        assert shown.json()["permissions_boundary"] is not None

    async def test_pe_07_a_delegated_administrator_only_makes_bounded_changes(
        self, admin: Actor, world: World
    ) -> None:
        limit = await create_policy(admin, "limit", document(allow("billing:*")))
        await create_policy(admin, "wide", document(allow("*")))
        bounded = {
            **allow(
                "iam:CreateUser",
                "iam:AttachUserPolicy",
                "iam:PutUserPolicy",
                "iam:PutUserPermissionsBoundary",
            ),
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": limit["arn"]}},
        }
        delegate = await world.actor(bounded, name="delegate")
        unbounded = await delegate.http.post("/v1/users", json={"name": "free"})
        assert unbounded.status_code == 403
        await world.actor(kind=User, name="alice")
        alice = "/v1/users/alice"
        wide = await delegate.http.put(f"{alice}/attached-policies/wide")
        assert wide.status_code == 403
        boundary = f"{alice}/permissions-boundary"
        for policy, expected in (("wide", 403), ("limit", 200)):
            bounding = await delegate.http.put(
                boundary, json={"policy": policy}, headers=ANY_VERSION
            )
            assert bounding.status_code == expected
        for held in ("wide", "AdministratorAccess"):
            answer = await delegate.http.put(f"{alice}/attached-policies/{held}")
            assert answer.status_code == 200, answer.text
        assert (await delegate.http.delete(boundary)).status_code == 403

    @pytest.mark.parametrize("kind", ["user", "service", "role"])
    async def test_pe_07_what_a_delegate_creates_has_the_boundary_from_the_start(
        self, admin: Actor, world: World, kind: str
    ) -> None:
        limit = await create_policy(admin, "limit", document(allow("billing:*")))
        await create_policy(admin, "wide", document(allow("*")))
        bounded = {
            **allow("iam:CreateUser", "iam:CreateService", "iam:CreateRole"),
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": limit["arn"]}},
        }
        delegate = await world.actor(bounded, name="delegate")

        async def create(actor: Actor, boundary: str | None) -> Any:
            body = {**body_of(admin, kind, "fresh"), "permissions_boundary": boundary}
            return await actor.http.post(f"/v1/{kind}s", json=body)

        for other in (None, "wide", "nowhere"):
            assert (await create(delegate, other)).status_code == 403
        unknown = await create(admin, "nowhere")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        made = await create(delegate, "limit")
        assert made.status_code == 201, made.text
        assert made.json()["permissions_boundary"] == limit["id"]
        (event,) = [found for found in await world.events() if found.target_id == made.json()["id"]]
        assert event.after is not None
        assert event.after["boundary_policy_id"] == limit["id"]

    async def test_who_may_not_changes_nothing(self, admin: Actor, world: World) -> None:
        await create_policy(admin)
        nobody = await world.actor()
        before = len([event for event in await world.events() if event.outcome == "success"])
        own = f"/v1/services/{nobody.name}"
        body = {"document": READ}
        answers = [
            await nobody.http.put(f"{own}/attached-policies/invoices"),
            await nobody.http.delete(f"{own}/attached-policies/invoices"),
            await nobody.http.get(f"{own}/attached-policies"),
            await nobody.http.put(f"{own}/inline-policies/x", json=body),
            await nobody.http.get(f"{own}/inline-policies/x"),
            await nobody.http.delete(f"{own}/inline-policies/x"),
            await nobody.http.get(f"{own}/inline-policies"),
            await nobody.http.put(f"{own}/permissions-boundary", json={"policy": "invoices"}),
            await nobody.http.delete(f"{own}/permissions-boundary"),
        ]
        assert {answer.status_code for answer in answers} == {403}
        after = len([event for event in await world.events() if event.outcome == "success"])
        assert after == before


class TestRaces:
    async def test_rc_08_the_number_of_policies_holds_exactly(
        self, admin: Actor, world: World
    ) -> None:
        most = world.runtime.settings.limits.policies_per_principal
        actor = await world.actor()
        names = [f"p{number}" for number in range(50)]
        for name in names:
            await create_policy(admin, name)
        held = f"/v1/services/{actor.name}/attached-policies"
        answers = await asyncio.gather(*(admin.http.put(f"{held}/{name}") for name in names))
        codes = [answer.status_code for answer in answers]
        assert (codes.count(200), codes.count(409)) == (most, 50 - most)
        listed = (await admin.http.get(f"{held}?limit=200")).json()["items"]
        assert len(listed) == most

    async def test_rc_08_the_size_of_inline_policies_holds_exactly(
        self, admin: Actor, world: World
    ) -> None:
        await world.actor(kind=User, name="alice")
        text = document({**allow(*["a:" + "x" * 390] * 2)})
        held = "/v1/users/alice/inline-policies"
        answers = await asyncio.gather(
            *(admin.http.put(f"{held}/p{n}", json={"document": text}) for n in range(10))
        )
        codes = [answer.status_code for answer in answers]
        assert (codes.count(200), codes.count(409)) == (2, 8)

    async def test_rc_09_attaching_while_deleting_leaves_no_dangling_grant(
        self, admin: Actor, world: World
    ) -> None:
        for number in range(10):
            await create_policy(admin)
            holder = await create_holder(admin, "user", f"holder-{number}")
            attach, delete = await asyncio.gather(
                admin.http.put(f"{holder}/attached-policies/invoices"),
                admin.http.delete("/v1/policies/invoices", headers=ANY_VERSION),
            )
            assert (attach.status_code, delete.status_code) in {(200, 409), (404, 204), (409, 204)}
            if delete.status_code == 409:
                await admin.http.delete(f"{holder}/attached-policies/invoices")
                await admin.http.delete("/v1/policies/invoices", headers=ANY_VERSION)
        await self._nothing_dangles(world)

    async def test_rc_09_attaching_while_the_holder_is_deleted_leaves_nothing(
        self, admin: Actor, world: World
    ) -> None:
        await create_policy(admin)
        for number in range(10):
            holder = await create_holder(admin, "user", f"holder-{number}")
            answers = await asyncio.gather(
                admin.http.put(f"{holder}/attached-policies/invoices"),
                admin.http.put(f"{holder}/inline-policies/own", json={"document": READ}),
                admin.http.put(
                    f"{holder}/permissions-boundary",
                    json={"policy": "invoices"},
                    headers=ANY_VERSION,
                ),
                admin.http.delete(holder, headers=ANY_VERSION),
            )
            assert {answer.status_code for answer in answers} <= {200, 204, 404, 409}
            if answers[-1].status_code == 409:
                await admin.http.delete(holder, headers=ANY_VERSION)
        await self._nothing_dangles(world)

    async def _nothing_dangles(self, world: World) -> None:
        async with world.work() as uow:
            policies = set(await uow.scalars(select(Policy.id)))
            holders = set(await uow.scalars(select(Principal.id)))
            for attachment in await uow.scalars(select(PolicyAttachment)):
                assert attachment.policy_id in policies
                assert attachment.principal_id is None or attachment.principal_id in holders
            for inline in await uow.scalars(select(InlinePolicy)):
                assert inline.principal_id in holders
