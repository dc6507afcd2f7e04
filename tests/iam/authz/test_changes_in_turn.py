"""PE-32 and MT-13: changes of one account follow one another, and no account waits for another's.

Two real transactions meet: one whose caller is authorized and that has not committed yet, and one
that takes the right to it away.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import select, text

from iam.features.attachments import service as attachments
from iam.features.attachments.rules import HolderKind
from iam.features.users import service as users
from iam.models import User
from iam.work import Caller
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

Revoke = Callable[[Actor, Actor], Coroutine[Any, Any, Any]]
DENY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}],
}


async def take_policy(by: Actor, of: Actor) -> Any:
    return await by.http.delete(
        f"/v1/services/{of.name}/inline-policies/test", headers={"If-Match": "*"}
    )


async def put_denial(by: Actor, of: Actor) -> Any:
    address = f"/v1/services/{of.name}/inline-policies/stop"
    return await by.http.put(address, json={"document": DENY})


async def put_boundary(by: Actor, of: Actor) -> Any:
    address = f"/v1/services/{of.name}/permissions-boundary"
    return await by.http.put(address, json={"policy": "ReadOnlyAccess"}, headers={"If-Match": "*"})


async def disable(by: Actor, of: Actor) -> Any:
    return await by.http.post(f"/v1/services/{of.name}:disable")


async def delete(by: Actor, of: Actor) -> Any:
    return await by.http.delete(f"/v1/services/{of.name}", headers={"If-Match": "*"})


async def join_denied(by: Actor, of: Actor) -> Any:
    return await by.http.put(f"/v1/groups/denied/members/service/{of.name}")


REVOCATIONS = (take_policy, put_denial, put_boundary, disable, delete, join_denied)
EVERY_REVOCATION = pytest.mark.parametrize("revoke", REVOCATIONS, ids=lambda one: one.__name__)


def caller(actor: Actor) -> Caller:
    return Caller(id=actor.id, arn=actor.arn, account=actor.account, kind="service")


async def prepare(admin: Actor) -> None:
    """A group that takes from its members what the tests are about."""
    answers = [
        await admin.http.post("/v1/groups", json={"name": "denied"}),
        await admin.http.put("/v1/groups/denied/inline-policies/stop", json={"document": DENY}),
    ]
    assert [answer.status_code for answer in answers] == [201, 200]


async def user_names(world: World, account: str = "main") -> set[str]:
    async with world.runtime.begin(
        Caller.root(account=account, partition="iam", request_id="test"), read_only=True
    ) as uow:
        return set(await uow.scalars(select(User.name).where(User.account == account)))


async def until_it_waits(world: World, task: "asyncio.Task[Any]") -> None:
    """Until the task has ended, or waits for a transaction of somebody else."""
    for _ in range(25):
        await asyncio.sleep(0.02)
        if task.done() or await waits_for_an_account(world):
            return


async def waits_for_an_account(world: World) -> bool:
    """On PostgreSQL, whether a session waits for an advisory lock; SQLite does not tell."""
    if world.runtime.database.is_sqlite:
        return False
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with world.runtime.database.connect_beside() as connection:
        return (await connection.execute(text(waiting))).first() is not None


@EVERY_REVOCATION
async def test_pe_32_a_right_is_not_taken_away_before_what_it_allowed_has_committed(
    world: World, admin: Actor, revoke: Revoke
) -> None:
    await prepare(admin)
    clerk = await world.actor(allow("iam:CreateUser"))
    async with world.runtime.begin(caller(clerk)) as uow:
        await users.create_user(uow, name="early", path="/")
        taking = asyncio.create_task(revoke(admin, clerk))
        await until_it_waits(world, taking)
        assert not taking.done()
    answer = await taking
    assert answer.is_success, answer.text
    assert "early" in await user_names(world)
    assert (await clerk.http.post("/v1/users", json={"name": "late"})).status_code in {401, 403}
    assert "late" not in await user_names(world)


@EVERY_REVOCATION
async def test_pe_32_nothing_is_committed_after_the_answer_that_took_the_right_away(
    world: World, admin: Actor, revoke: Revoke
) -> None:
    await prepare(admin)
    clerk = await world.actor(allow("iam:CreateUser"))
    names = [f"user-{number}" for number in range(12)]
    creating = [
        asyncio.create_task(clerk.http.post("/v1/users", json={"name": name})) for name in names
    ]
    taken = await revoke(admin, clerk)
    assert taken.is_success, taken.text
    at_the_answer = await user_names(world)
    answers = await asyncio.gather(*creating)
    assert await user_names(world) == at_the_answer
    created = {
        name for name, answer in zip(names, answers, strict=True) if answer.status_code == 201
    }
    assert created == at_the_answer & set(names)
    assert {answer.status_code for answer in answers} <= {201, 401, 403}


async def test_pe_32_who_is_authorized_late_sees_what_was_taken_away(
    world: World, admin: Actor
) -> None:
    clerk = await world.actor(allow("iam:CreateUser"))
    async with world.runtime.begin(caller(admin)) as uow:
        await attachments.delete_inline_policy(
            uow, HolderKind.SERVICE, holder=clerk.name, name="test", expecting=lambda _version: None
        )
        late = asyncio.create_task(clerk.http.post("/v1/users", json={"name": "late"}))
        await until_it_waits(world, late)
        assert not late.done()
    assert (await late).status_code == 403
    assert "late" not in await user_names(world)


async def test_pe_32_the_suspension_of_an_account_waits_for_what_goes_on_in_it(
    world: World, admin: Actor
) -> None:
    await world.account("acme")
    clerk = await world.actor(allow("iam:CreateUser"), account="acme")
    async with world.runtime.begin(caller(clerk)) as uow:
        await users.create_user(uow, name="early", path="/")
        taking = asyncio.create_task(admin.http.post("/v1/accounts/acme:suspend"))
        await until_it_waits(world, taking)
        assert not taking.done()
    assert (await taking).status_code == 200
    assert (await clerk.http.post("/v1/users", json={"name": "late"})).status_code == 401


async def test_mt_13_a_crowd_of_one_account_does_not_keep_another_waiting(
    world: World, admin: Actor
) -> None:
    """Whoever comes after 60 changes and 60 reads of another account waits for a few of them."""
    await world.account("acme")
    quiet = await world.actor(allow("iam:*"), account="acme")
    done = 0
    has_begun = asyncio.Event()

    async def noise(number: int) -> None:
        nonlocal done
        if number % 2:
            await admin.http.get("/v1/users")
        else:
            await admin.http.post("/v1/users", json={"name": f"user-{number}"})
        done += 1
        has_begun.set()

    crowd = [asyncio.create_task(noise(number)) for number in range(120)]
    await has_begun.wait()
    answer = await quiet.http.post("/v1/users", json={"name": "alice"})
    before_it = done
    assert answer.status_code == 201, answer.text
    assert before_it < 60
    await asyncio.gather(*crowd)


async def test_mt_13_an_account_whose_changes_are_stuck_stops_no_other(
    world: World, admin: Actor
) -> None:
    """More changes wait for one of their own account than there are connections."""
    if world.runtime.database.is_sqlite:
        return  # one writer at a time is what SQLite is
    await world.account("acme")
    quiet = await world.actor(allow("iam:*"), account="acme")
    async with world.runtime.begin(caller(admin)) as uow:
        await users.create_user(uow, name="slow", path="/")
        stuck = [
            asyncio.create_task(admin.http.post("/v1/users", json={"name": f"user-{number}"}))
            for number in range(world.runtime.settings.database_pool + 10)
        ]
        await until_it_waits(world, stuck[0])
        answer = await quiet.http.post("/v1/users", json={"name": "alice"})
        assert answer.status_code == 201, answer.text
        assert not any(task.done() for task in stuck)
    assert {answer.status_code for answer in await asyncio.gather(*stuck)} == {201}
