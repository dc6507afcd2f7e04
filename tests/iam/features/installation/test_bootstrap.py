"""The first administrator: made once, by root, on the host."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from iam.errors import ErrorKind, IamError
from iam.features.installation.queries import has_administrator
from iam.features.installation.service import FirstCredential, bootstrap
from iam.models import Credential
from iam.work import Caller
from tests.world import Actor, World

pytestmark = pytest.mark.anyio


async def bootstrapped(world: World, *, service: str = "admin", account: str = "main") -> str:
    async with world.work(account) as uow:
        found: FirstCredential = await bootstrap(uow, service=service)
    assert found.client_secret.startswith("iam_cs_")
    return found.client_id


async def refusal(world: World, *, service: str = "admin", account: str = "main") -> IamError:
    with pytest.raises(IamError) as refused:
        await bootstrapped(world, service=service, account=account)
    return refused.value


async def credentials_of(world: World, principal_id: str) -> list[str]:
    async with world.work() as uow:
        query = select(Credential.id).where(Credential.principal_id == principal_id)
        return list((await uow.scalars(query)).all())


async def test_what_it_makes_may_do_everything(world: World) -> None:
    client_id = await bootstrapped(world)
    http = world.client(await world.token_for(client_id))
    assert (await http.post("/v1/users", json={"name": "alice"})).status_code == 201
    me = (await http.get("/v1/me")).json()
    assert me["groups"] == ["arn:iam:iam::main:group/administrators"]
    service = (await http.get("/v1/services/admin")).json()
    assert service["owner"]["arn"] == "arn:iam:iam::main:group/administrators"


async def test_the_audit_log_says_that_root_did_it(world: World) -> None:
    await bootstrapped(world)
    made = [e for e in await world.events() if e.actor == "arn:iam:iam::main:root"]
    assert {"iam.group.created.v1", "iam.service.created.v1", "iam.credential.created.v1"} <= {
        event.type for event in made
    }


async def test_it_is_refused_while_somebody_can_administer_the_account(world: World) -> None:
    await bootstrapped(world)
    error = await refusal(world, service="other")
    assert (error.kind, error.code) == (ErrorKind.CONFLICT, "bootstrapped_already")
    async with world.work() as uow:
        assert await has_administrator(uow)


async def test_an_administrator_who_lost_every_credential_gets_a_new_one(world: World) -> None:
    client_id = await bootstrapped(world)
    await world.advance(timedelta(days=91))  # longer than the life of its secret
    assert await bootstrapped(world) == client_id
    assert len(await credentials_of(world, client_id)) == 2


async def test_a_service_that_is_no_administrator_does_not_become_one(world: World) -> None:
    await world.actor(name="billing")
    error = await refusal(world, service="Billing")
    assert (error.kind, error.code) == (ErrorKind.CONFLICT, "name_taken")


async def test_each_account_has_its_own_first_administrator(world: World) -> None:
    await bootstrapped(world)
    await world.account("acme")
    assert await bootstrapped(world, account="acme")
    assert (await refusal(world, account="nobody")).kind == ErrorKind.NOT_FOUND


async def test_nobody_but_root_may(world: World, admin: Actor) -> None:
    caller = Caller(id=admin.id, arn=admin.arn, account="main", kind="service")
    with pytest.raises(IamError) as refused:
        async with world.runtime.begin(caller) as uow:
            await bootstrap(uow, service="mine")
    assert refused.value.kind == ErrorKind.DENIED
