"""AA-13 and RC-07: no change leaves an account without an administrator who could undo it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from iam.errors import IamError
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import (
    ADMINISTRATORS,
    Credential,
    CredentialKind,
    Group,
    GroupMembership,
    Principal,
    PrincipalStatus,
    User,
)
from tests.world import Actor, World, allow, deny

pytestmark = pytest.mark.anyio

ANY_VERSION = {"If-Match": "*"}
GROUP = f"/v1/groups/{ADMINISTRATORS}"
Change = Callable[[Actor, Actor], Awaitable[Any]]


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


DENY = document(deny("iam:*"))


async def give_credential(
    world: World, actor: Actor, *, lives: timedelta | None = None
) -> Credential:
    """Give an actor something to prove itself with."""
    async with world.work(actor.account) as uow:
        row = Credential(
            id=new_id(IdKind.CREDENTIAL, uow.now),
            account=actor.account,
            principal_id=actor.id,
            kind=CredentialKind.CLIENT_SECRET,
            secret_hash=actor.id.encode()[-32:],
            created_at=uow.now,
            expires_at=uow.now + lives if lives else None,
        )
        uow.add(row)
        uow.emit(EventType.CREDENTIAL_CREATED, row)
    return row


async def administrators(world: World, account: str = "main") -> set[str]:
    """The ids of the active members of the group."""
    async with world.work(account) as uow:
        query = (
            select(Principal.__table__.c.id)
            .join(GroupMembership, GroupMembership.principal_id == Principal.__table__.c.id)
            .join(Group, Group.id == GroupMembership.group_id)
            .where(Group.account == account, Group.name == ADMINISTRATORS)
            .where(Principal.__table__.c.status == PrincipalStatus.ACTIVE)
        )
        return set((await uow.execute(query)).scalars())


async def successes(world: World) -> int:
    return len([entry for entry in await world.events() if entry.outcome == "success"])


async def leave(by: Actor, of: Actor) -> Any:
    return await by.http.delete(f"{GROUP}/members/service/{of.name}")


async def disable(by: Actor, of: Actor) -> Any:
    return await by.http.post(f"/v1/services/{of.name}:disable")


async def delete(by: Actor, of: Actor) -> Any:
    return await by.http.delete(f"/v1/services/{of.name}", headers=ANY_VERSION)


async def deny_inline(by: Actor, of: Actor) -> Any:
    address = f"/v1/services/{of.name}/inline-policies/stop"
    return await by.http.put(address, json={"document": DENY})


async def attach_denying(by: Actor, of: Actor) -> Any:
    return await by.http.put(f"/v1/services/{of.name}/attached-policies/denying")


async def put_boundary(by: Actor, of: Actor) -> Any:
    address = f"/v1/services/{of.name}/permissions-boundary"
    return await by.http.put(address, json={"policy": "ReadOnlyAccess"}, headers=ANY_VERSION)


async def join_denied(by: Actor, of: Actor) -> Any:
    return await by.http.put(f"/v1/groups/denied/members/service/{of.name}")


async def revoke(by: Actor, of: Actor) -> Any:
    listed = await by.http.get(f"/v1/credentials?principal=service/{of.name}")
    return await by.http.post(f"/v1/credentials/{listed.json()['items'][0]['id']}:revoke")


async def quarantine(by: Actor, of: Actor) -> Any:
    listed = await by.http.get(f"/v1/credentials?principal=service/{of.name}")
    return await by.http.post(f"/v1/credentials/{listed.json()['items'][0]['id']}:quarantine")


async def detach_all(by: Actor, _of: Actor) -> Any:
    return await by.http.delete(f"{GROUP}/attached-policies/AdministratorAccess")


async def deny_group(by: Actor, _of: Actor) -> Any:
    return await by.http.put(f"{GROUP}/inline-policies/stop", json={"document": DENY})


async def attach_denying_to_group(by: Actor, _of: Actor) -> Any:
    return await by.http.put(f"{GROUP}/attached-policies/denying")


async def move_default(by: Actor, _of: Actor) -> Any:
    return await by.http.post("/v1/policies/harmless/versions/v2:set-default")


async def add_default(by: Actor, _of: Actor) -> Any:
    body = {"document": DENY, "set_as_default": True}
    return await by.http.post("/v1/policies/harmless/versions", json=body)


PERSONAL: tuple[Change, ...] = (
    leave, disable, delete, deny_inline, attach_denying, put_boundary, join_denied, revoke,
    quarantine,
)  # fmt: skip
COMMON: tuple[Change, ...] = (
    detach_all, deny_group, attach_denying_to_group, move_default, add_default,
)  # fmt: skip


async def prepare(admin: Actor) -> None:
    """What the changes need: policies, and a group that denies everything to its members."""
    harmless = document(deny("billing:*"))
    for name, text in (("denying", DENY), ("harmless", harmless)):
        await admin.http.post("/v1/policies", json={"name": name, "document": text})
    answers = [
        await admin.http.post("/v1/policies/harmless/versions", json={"document": DENY}),
        await admin.http.put(f"{GROUP}/attached-policies/harmless"),
        await admin.http.post("/v1/groups", json={"name": "denied"}),
        await admin.http.put("/v1/groups/denied/attached-policies/denying"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 201, 200]


async def test_aa_13_nothing_takes_the_last_administrators_rights(
    admin: Actor, world: World
) -> None:
    await give_credential(world, admin)
    await prepare(admin)
    before = await successes(world)
    for change in PERSONAL + COMMON:
        answer = await change(admin, admin)
        assert answer.status_code == 409, (change.__name__, answer.text)
        assert answer.json()["code"] == "last_administrator", change.__name__
        assert (await admin.http.get("/v1/users")).status_code == 200, change.__name__
    assert await successes(world) == before
    assert await administrators(world) == {admin.id}


@pytest.mark.parametrize("change", PERSONAL, ids=lambda change: change.__name__)
async def test_with_a_second_administrator_the_first_may_go(
    admin: Actor, world: World, change: Change
) -> None:
    await give_credential(world, admin)
    second = await world.administrator()
    await give_credential(world, second)
    await prepare(admin)
    answer = await change(admin, admin)
    assert answer.is_success, answer.text
    refused = await change(second, second)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")


async def test_an_administrator_without_a_credential_is_no_substitute(
    admin: Actor, world: World
) -> None:
    await give_credential(world, admin)
    second = await world.administrator()
    assert (await leave(second, admin)).json()["code"] == "last_administrator"
    expired = await give_credential(world, second, lives=timedelta(minutes=1))
    await world.advance(timedelta(minutes=2))
    assert (await leave(second, admin)).json()["code"] == "last_administrator"
    async with world.work() as uow:
        row = await uow.get(Credential, expired.id)
        assert row is not None
        row.expires_at = None
        uow.emit(EventType.CREDENTIAL_UPDATED, row)
    assert (await leave(second, admin)).status_code == 204


async def test_without_any_credential_the_last_member_still_stays(
    admin: Actor, world: World
) -> None:
    second = await world.administrator()
    assert (await disable(admin, second)).status_code == 200
    for change in (leave, disable, delete, deny_inline, deny_group, detach_all):
        assert (await change(admin, admin)).json()["code"] == "last_administrator"


async def test_a_person_is_an_administrator_like_a_service(admin: Actor, world: World) -> None:
    await give_credential(world, admin)
    alice = await world.actor(kind=User, name="alice")
    await admin.http.put(f"{GROUP}/members/user/alice")
    await give_credential(world, alice)
    assert (await leave(admin, admin)).status_code == 204
    refused = await alice.http.post("/v1/users/alice:disable")
    assert refused.json()["code"] == "last_administrator"


async def test_what_locks_nobody_out_is_not_refused(admin: Actor, world: World) -> None:
    await give_credential(world, admin)
    other = await world.actor(kind=User, name="alice")
    narrow = document(deny("iam:CreateUser"), deny("iam:DeleteUser", on=other.arn))
    answers = [
        await admin.http.put(f"{GROUP}/inline-policies/narrow", json={"document": narrow}),
        await admin.http.put("/v1/users/alice/inline-policies/stop", json={"document": DENY}),
        await admin.http.post("/v1/users/alice:disable"),
        await admin.http.delete("/v1/users/alice", headers=ANY_VERSION),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
    assert answers[-1].json()["code"] == "access_denied"


async def test_where_nobody_administers_nothing_is_refused(world: World) -> None:
    owner = await world.actor(allow("*"))
    assert (await disable(owner, await world.actor())).status_code == 200
    assert (await disable(owner, owner)).status_code == 200
    assert await administrators(world) == set()


async def test_each_account_has_its_own_administrators(admin: Actor, world: World) -> None:
    await give_credential(world, admin)
    await world.account("acme")
    stranger = await world.administrator("acme")
    await give_credential(world, stranger)
    assert (await leave(stranger, stranger)).json()["code"] == "last_administrator"
    assert (await leave(admin, admin)).json()["code"] == "last_administrator"


async def test_local_maintenance_is_held_to_it_too(admin: Actor, world: World) -> None:
    with pytest.raises(IamError) as refused:
        async with world.work() as uow:
            row = await uow.get(Principal, admin.id)
            assert row is not None
            row.status = PrincipalStatus.DISABLED
            uow.emit(EventType.SERVICE_DISABLED, row)
    assert refused.value.code == "last_administrator"
    assert await administrators(world) == {admin.id}


@pytest.mark.parametrize("change", [leave, disable, deny_inline], ids=lambda one: one.__name__)
async def test_rc_07_two_administrators_who_remove_each_other_end_with_one(
    world: World, change: Change
) -> None:
    for number in range(10):
        account = await world.account(f"acme-{number}")
        one, two = [await world.administrator(account) for _ in range(2)]
        for actor in (one, two):
            await give_credential(world, actor)
        answers = await asyncio.gather(change(one, two), change(two, one))
        assert sorted(answer.is_success for answer in answers) == [False, True]
        (refused,) = [answer for answer in answers if not answer.is_success]
        # Whoever comes late either finds itself without rights, or the guard in its way.
        assert refused.status_code in {401, 403, 409}, refused.text
        left = [actor for actor in (one, two) if (await actor.http.get(GROUP)).is_success]
        assert len(left) == 1
