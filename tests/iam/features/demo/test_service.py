"""The demo company: whole, made once, of nobody's use to sign in, and gone without a trace."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from iam.errors import ErrorKind, IamError
from iam.features.attachments import service as attachments
from iam.features.attachments.rules import HolderKind
from iam.features.demo.rules import PEOPLE, PROOFS, Flaw
from iam.features.demo.service import remove_company, seed_company
from iam.features.groups import service as groups
from iam.features.policies import service as policies
from iam.features.users import service as users
from iam.journal.events import EventType
from iam.models import (
    MAIN_ACCOUNT,
    Credential,
    CredentialUse,
    Group,
    GroupMembership,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
    Service,
    ServiceAudience,
    User,
)
from iam.work import Caller
from tests.world import Actor, World

pytestmark = pytest.mark.anyio

ROOT = Caller.root(account=MAIN_ACCOUNT, partition="iam", request_id="test")
HOLDINGS = (
    Principal,
    ServiceAudience,
    Group,
    GroupMembership,
    Policy,
    PolicyVersion,
    PolicyAttachment,
    InlinePolicy,
    Credential,
    CredentialUse,
)


async def seed(world: World, **options: Any) -> bool:
    return await seed_company(world.runtime.begin, ROOT, **options)


async def rows(world: World) -> dict[str, int]:
    """How many rows every table has that a company can be in."""
    async with world.work() as uow:
        return {
            model.__tablename__: int(await uow.scalar(select(func.count()).select_from(model)))
            for model in HOLDINGS
        }


async def test_the_company_is_as_large_as_promised(world: World) -> None:
    assert await seed(world)
    async with world.work() as uow:
        people = (await uow.scalars(select(User))).all()
        services = (await uow.scalars(select(Service))).all()
        ours = (await uow.scalars(select(Policy).where(Policy.account == MAIN_ACCOUNT))).all()
        members = await uow.scalar(select(func.count()).select_from(GroupMembership))
    assert (len(people), len(services), len(ours), members) == (20, 8, 6, 20)
    assert all(row.tags == {"demo": "true"} for row in (*people, *services, *ours))
    assert {row.name for row in people if not row.is_active} == {"tomas", "yusuf"}
    refusals = [e for e in await world.events() if e.type == EventType.ACCESS_DENIED]
    assert [(e.subject, e.decision_id is not None) for e in refusals] == [
        ("arn:iam:iam::main:user/*", True)
    ]


async def test_twelve_credentials_have_each_their_flaw(world: World, admin: Actor) -> None:
    await seed(world)  # administrators alone are no obstacle: bootstrap may come first
    now = world.clock.now()
    async with world.work() as uow:
        found = (await uow.scalars(select(Credential))).all()
        uses = {row.credential_id: row for row in await uow.scalars(select(CredentialUse))}
        holders = {row.id: row for row in await uow.scalars(select(Service))}
        owners = {row.id: row for row in await uow.scalars(select(User))}
    by_flaw = {row.description.removeprefix("demo: "): row for row in found}
    assert sum(row.description.removeprefix("demo: ") in set(Flaw) for row in found) == 12
    assert set(Flaw) <= by_flaw.keys()

    soon = by_flaw[Flaw.EXPIRES_SOON].expires_at
    assert soon is not None
    assert timedelta(0) < soon - now < timedelta(days=7)
    assert by_flaw[Flaw.NEVER_USED].id not in uses
    assert now - uses[by_flaw[Flaw.IDLE].id].last_used_at > timedelta(days=180)
    old, new = by_flaw[Flaw.SUPERSEDED_IN_USE], by_flaw[Flaw.SUCCESSOR_UNUSED]
    assert old.principal_id == new.principal_id
    assert old.created_at < new.created_at
    assert old.is_live(now)
    assert new.is_live(now)
    assert now - uses[old.id].last_used_at < timedelta(hours=1)
    assert new.id not in uses
    assert by_flaw[Flaw.NO_EXPIRY].expires_at is None
    ended = by_flaw[Flaw.EXPIRED_IN_USE]
    assert ended.expires_at is not None
    assert uses[ended.id].last_used_at < ended.expires_at < now
    left = owners[holders[by_flaw[Flaw.OWNER_DISABLED].principal_id].owner_user_id or ""]
    assert not left.is_active
    assert not holders[by_flaw[Flaw.HOLDER_DISABLED].principal_id].is_active
    assert by_flaw[Flaw.FORGOTTEN_QUARANTINE].status == "quarantined"
    # What people see of it: this one list is why it is seeded.
    listed = await admin.http.get("/v1/credentials", params={"expiring": "30d"})
    assert len(listed.json()["items"]) >= 3


async def test_seeding_again_changes_nothing(world: World) -> None:
    assert await seed(world)
    before, told = await rows(world), len(await world.events())
    assert not await seed(world)
    assert (await rows(world), len(await world.events())) == (before, told)


async def test_what_broke_off_is_finished_by_the_next_run(world: World) -> None:
    await seed(world)
    before = await rows(world)
    async with world.work() as uow:
        await users.delete_user(uow, user="mei", expecting=lambda _: None)
    async with world.work() as uow:
        await attachments.detach_policy(uow, HolderKind.GROUP, holder="finance", policy="refund")
    async with world.work() as uow:
        await policies.delete_policy(uow, policy="refund", expecting=lambda _: None)
    assert await seed(world)
    assert await rows(world) == before


async def test_removal_leaves_nothing_but_the_audit_log(world: World, admin: Actor) -> None:
    before, told = await rows(world), len(await world.events())
    await seed(world)
    assert await rows(world) != before
    assert await remove_company(world.runtime.begin, ROOT) == 5 + 20 + 8 + 6
    assert await rows(world) == before
    assert len(await world.events()) > told
    assert (await admin.http.get("/v1/me")).status_code == 200
    assert await remove_company(world.runtime.begin, ROOT) == 0


async def test_what_was_not_seeded_is_not_removed(world: World) -> None:
    await seed(world)
    async with world.work() as uow:
        await users.create_user(uow, name="zoe", tags={"demo": "true"})
    async with world.work() as uow:
        await groups.create_group(uow, name="mine", path="/demo/")
    await remove_company(world.runtime.begin, ROOT)
    async with world.work() as uow:
        assert [row.name for row in await uow.scalars(select(User))] == ["zoe"]
        assert [row.name for row in await uow.scalars(select(Group))] == ["mine"]


async def test_what_is_in_use_by_others_is_not_pulled_away(world: World) -> None:
    await seed(world)
    async with world.work() as uow:
        await users.create_user(uow, name="zoe")
    async with world.work() as uow:
        await groups.add_member(uow, group="finance", kind="user", principal="zoe")
    with pytest.raises(IamError, match="still has members"):
        await remove_company(world.runtime.begin, ROOT)


async def test_an_account_with_other_principals_is_left_alone(world: World) -> None:
    async with world.work() as uow:
        await users.create_user(uow, name="zoe")
    before = await rows(world)
    with pytest.raises(IamError) as refusal:
        await seed(world)
    assert refusal.value.code == "not_empty"
    assert await rows(world) == before
    assert await seed(world, anyway=True)


async def test_a_name_that_is_taken_stays_with_its_owner(world: World) -> None:
    async with world.work() as uow:
        await users.create_user(uow, name="ana", display_name="The real Ana")
    before = await rows(world)
    with pytest.raises(IamError, match="user `ana` is there already"):
        await seed(world, anyway=True)
    assert await rows(world) == before
    assert await remove_company(world.runtime.begin, ROOT) == 0
    assert await rows(world) == before


async def test_only_the_root_of_the_account_may(world: World) -> None:
    alice = Caller(id="usr_1", arn="arn:iam:iam::main:user/a", account="main", kind="user")
    for attempt in (seed_company, remove_company):
        with pytest.raises(IamError) as refusal:
            await attempt(world.runtime.begin, alice)
        assert refusal.value.kind is ErrorKind.DENIED


def test_the_company_is_plausible() -> None:
    assert len({person.name for person in PEOPLE}) == 20
    flaws = [proof.flaw for proof in PROOFS if proof.flaw]
    assert sorted(flaws) == sorted(Flaw)
    assert len(flaws) == 12
