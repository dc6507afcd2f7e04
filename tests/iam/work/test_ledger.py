import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from iam.errors import ErrorKind, IamError
from iam.features.principals.service import set_status
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import (
    Account,
    AccountStatus,
    Credential,
    CredentialKind,
    CredentialStatus,
    IssuedToken,
    OneTimeId,
    PrincipalStatus,
    Service,
)
from iam.work import Issuance, Refusal
from iam.work import ledger as ledger_module
from iam.work.gate import GATE
from tests.world import Actor, World

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


@pytest.fixture
async def client(world: World) -> Actor:
    return await world.actor(name="orders")


async def credential_of(world: World, client: Actor, **columns: Any) -> str:
    async with world.work() as uow:
        credential = Credential(
            id=new_id(IdKind.CREDENTIAL, uow.now),
            account=client.account,
            principal_id=client.id,
            kind=CredentialKind.PUBLIC_KEY,
            created_at=uow.now,
            **columns,
        )
        uow.add(credential)
        uow.emit(EventType.CREDENTIAL_CREATED, credential)
    return credential.id


def issuance(world: World, client: Actor, **changes: Any) -> Issuance:
    now = world.clock.now()
    asked = Issuance(
        jti=new_id(IdKind.TOKEN, now),
        principal_id=client.id,
        principal_epoch=1,
        client_id=client.id,
        credential_id=None,
        kid="kid",
        audience="https://billing.corp",
        scope="",
        issued_at=now,
        expires_at=now + HOUR,
    )
    return asked._replace(**changes)


def once(world: World, kind: str, name: str) -> dict[str, Any]:
    return {"once_kind": kind, "once_id": name, "once_until": world.clock.now() + HOUR}


async def row_of(world: World, jti: str) -> IssuedToken | None:
    async with world.work() as uow:
        return await uow.get(IssuedToken, jti)


class TestWriting:
    async def test_a_row_says_what_was_asked(self, world: World, client: Actor) -> None:
        credential = await credential_of(world, client)
        asked = issuance(world, client, credential_id=credential)
        assert await world.runtime.ledger.submit(asked) is None
        row = await row_of(world, asked.jti)
        assert row is not None
        for field in ("principal_id", "client_id", "credential_id", "kid", "audience", "scope",
                      "issued_at", "expires_at", "principal_epoch"):  # fmt: skip
            assert getattr(row, field) == getattr(asked, field)
        assert (row.account, row.restore_epoch, row.revoked_at) == ("main", 1, None)

    async def test_requests_that_wait_together_share_one_batch(
        self, world: World, client: Actor
    ) -> None:
        ledger = world.runtime.ledger
        asked = [issuance(world, client) for _ in range(600)]
        answers = [ledger.submit(one) for one in asked]
        assert len(ledger._take()) == ledger_module.MAX_BATCH
        ledger._waiting.clear()
        answers = [ledger.submit(one) for one in asked]
        assert await asyncio.gather(*answers) == [None] * 600
        async with world.work() as uow:
            query = select(IssuedToken.jti).where(IssuedToken.kid == "kid")
            assert set(await uow.scalars(query)) == {one.jti for one in asked}


class TestRefusing:
    async def test_one_that_is_refused_does_not_hold_up_the_others(
        self, world: World, client: Actor
    ) -> None:
        good, bad = issuance(world, client), issuance(world, client, principal_epoch=2)
        answers = [world.runtime.ledger.submit(one) for one in (bad, good)]
        assert await asyncio.gather(*answers) == [Refusal.PRINCIPAL, None]
        assert await row_of(world, good.jti)
        assert await row_of(world, bad.jti) is None

    async def test_a_principal_that_was_disabled_and_enabled_again_has_another_epoch(
        self, world: World, client: Actor
    ) -> None:
        for status in (PrincipalStatus.DISABLED, PrincipalStatus.ACTIVE):
            async with world.work() as uow:
                await set_status(uow, Service, client.id, status=status)
            asked = issuance(world, client)
            assert await world.runtime.ledger.submit(asked) is Refusal.PRINCIPAL
        assert await world.runtime.ledger.submit(issuance(world, client, principal_epoch=2)) is None

    async def test_a_principal_that_is_gone_or_whose_account_is_suspended_is_refused(
        self, world: World
    ) -> None:
        await world.account("acme")
        client = await world.actor(account="acme")
        gone = issuance(world, client, principal_id=new_id(IdKind.SERVICE, world.clock.now()))
        assert await world.runtime.ledger.submit(gone) is Refusal.PRINCIPAL
        async with world.work() as uow:
            await uow.see_all_accounts()
            row = await uow.get(Account, "acme")
            assert row is not None
            row.status = AccountStatus.SUSPENDED
            uow.emit(EventType.ACCOUNT_SUSPENDED, row)
        assert await world.runtime.ledger.submit(issuance(world, client)) is Refusal.PRINCIPAL

    @pytest.mark.parametrize(
        "columns",
        [
            {"status": CredentialStatus.REVOKED},
            {"status": CredentialStatus.QUARANTINED},
            {"expires_at": "now"},
        ],
        ids=str,
    )
    async def test_a_credential_that_is_not_live_is_refused(
        self, world: World, client: Actor, columns: dict[str, Any]
    ) -> None:
        if "expires_at" in columns:
            columns = {"expires_at": world.clock.now()}
        credential = await credential_of(world, client, **columns)
        asked = issuance(world, client, credential_id=credential)
        assert await world.runtime.ledger.submit(asked) is Refusal.CREDENTIAL
        assert await row_of(world, asked.jti) is None

    async def test_the_credential_of_somebody_else_is_refused(
        self, world: World, client: Actor
    ) -> None:
        other = await world.actor(name="billing")
        credential = await credential_of(world, other)
        asked = issuance(world, client, credential_id=credential)
        assert await world.runtime.ledger.submit(asked) is Refusal.CREDENTIAL


class TestOneTimeIds:
    async def test_of_one_batch_and_of_later_ones_exactly_one_wins(
        self, world: World, client: Actor
    ) -> None:
        used = once(world, "client_assertion", "a")
        answers = [world.runtime.ledger.submit(issuance(world, client, **used)) for _ in range(20)]
        outcomes = await asyncio.gather(*answers)
        assert sorted(map(str, outcomes)) == ["None", *["replayed"] * 19]
        again = await world.runtime.ledger.submit(issuance(world, client, **used))
        assert again is Refusal.REPLAYED

    async def test_an_issuance_that_is_refused_uses_nothing_up(
        self, world: World, client: Actor
    ) -> None:
        used = once(world, "client_assertion", "a")
        refused = issuance(world, client, principal_epoch=7, **used)
        assert await world.runtime.ledger.submit(refused) is Refusal.PRINCIPAL
        assert await world.runtime.ledger.submit(issuance(world, client, **used)) is None

    async def test_rc_12_an_id_of_one_kind_is_not_an_id_of_another(
        self, world: World, client: Actor
    ) -> None:
        for kind in ("client_assertion", "code"):
            asked = issuance(world, client, **once(world, kind, "a"))
            assert await world.runtime.ledger.submit(asked) is None
        async with world.work() as uow:
            assert len((await uow.scalars(select(OneTimeId))).all()) == 2


class TestLimits:
    async def test_more_than_may_wait_are_refused_at_once(
        self, world: World, client: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger_module, "MAX_WAITING", 3)
        answers = [world.runtime.ledger.submit(issuance(world, client)) for _ in range(3)]
        with pytest.raises(IamError) as caught:
            world.runtime.ledger.submit(issuance(world, client))
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        assert await asyncio.gather(*answers) == [None] * 3

    async def test_what_waits_is_written_before_the_end_and_nothing_after_it(
        self, world: World, client: Actor
    ) -> None:
        answer = world.runtime.ledger.submit(issuance(world, client))
        await world.runtime.ledger.stop()
        assert answer.result() is None
        with pytest.raises(IamError):
            world.runtime.ledger.submit(issuance(world, client))


async def test_a_batch_that_fails_is_refused_and_the_next_one_is_tried(
    world: World, client: Actor
) -> None:
    broken = issuance(world, client, kid=None)
    with pytest.raises(IamError) as caught:
        await world.runtime.ledger.submit(broken)
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert await world.runtime.ledger.submit(issuance(world, client)) is None


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
class TestGate:
    """On SQLite the single writer is the gate."""

    async def test_a_batch_waits_for_a_revocation_that_is_about_to_commit(
        self, world: World, client: Actor
    ) -> None:
        revoker = await world.runtime.database.open_postgresql()
        async with revoker.transaction():
            await revoker.execute(
                "UPDATE principals SET status = 'disabled' WHERE id = $1", client.id
            )
            await revoker.execute("SELECT pg_advisory_xact_lock($1)", GATE)
            answer = world.runtime.ledger.submit(issuance(world, client))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(answer), 0.2)
        assert await answer is Refusal.PRINCIPAL
        await revoker.close()

    async def test_a_revocation_waits_for_a_batch_that_is_about_to_commit(
        self, world: World, client: Actor
    ) -> None:
        async def disable() -> None:
            async with world.work() as uow:
                await set_status(uow, Service, client.id, status=PrincipalStatus.DISABLED)

        batch = await world.runtime.database.open_postgresql()
        async with batch.transaction():
            await batch.execute("SELECT pg_advisory_xact_lock_shared($1)", GATE)
            disabling = asyncio.create_task(disable())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(disabling), 0.2)
        await disabling
        await batch.close()
