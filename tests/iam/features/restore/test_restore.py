"""A restore brings back what there was, and nothing that has ended since (F-24)."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from iam.errors import IamError
from iam.features.backup.service import identities_of, opened
from iam.features.installation.service import ensure_installation
from iam.features.restore.queries import Present
from iam.features.restore.service import Restored, check_replaceable, look_at, restore
from iam.models import MAIN_ACCOUNT, Restore
from iam.runtime import Runtime
from iam.work import Caller, begin_work
from tests.backups import back_up, give_recovery_key
from tests.empty_databases import empty_database
from tests.postgres import Server
from tests.world import MASTER_KEY, NOON, Actor, World, allow, make_settings, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty_postgres(postgres: Server) -> Iterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    with empty_database(postgres, "restored") as url:
        yield url


@asynccontextmanager
async def target(url: str, directory: Path) -> AsyncIterator[Runtime]:
    """A database to restore into."""
    runtime = Runtime(make_settings(url, directory), master_key=MASTER_KEY)
    try:
        yield runtime
    finally:
        await runtime.database.close()


async def restore_to(
    runtime: Runtime,
    path: Path,
    *,
    replaces: bool = False,
    accepts: bool = False,
    ended: Mapping[str, str] | None = None,
) -> Restored:
    """Restore a backup as the command does."""
    root = Caller.root(account=MAIN_ACCOUNT, partition="iam", request_id="restore")
    with opened(path, identities_of(runtime.tools.sealer)) as backup:
        present = await look_at(runtime.database)
        check_replaceable(present, backup.header, replaces=replaces)
        return await restore(
            runtime.tools,
            lambda: begin_work(runtime.tools, root),
            backup,
            present=present,
            accepts_secrets=accepts,
            ended=ended,
        )


async def test_f_24_nothing_that_was_revoked_or_issued_since_the_backup_comes_back(
    world: World, empty_postgres: str, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    early = await world.actor(allow("iam:*"), name="early")
    answer = await early.http.post("/v1/services/early/credentials", json={"kind": "client_secret"})
    assert answer.status_code == 201, answer.text
    made = await back_up(world, tmp_path)
    await early.http.post(f"/v1/credentials/{answer.json()['id']}:revoke")
    late = await world.token_for(early.id)
    old_keys = (await world.http.get("/oauth2/jwks")).json()["keys"]
    async with target(empty_postgres, tmp_path) as runtime:
        done = await restore_to(runtime, Path(made.path))
        with pytest.raises(IamError) as caught:
            await restore_to(runtime, Path(made.path))
    assert caught.value.code == "database_not_empty"
    assert done.rows == made.rows
    async with open_world(empty_postgres, tmp_path, starts=NOON) as restored:
        async with restored.work() as uow:
            await ensure_installation(uow)
        for token in (early.token, late):
            assert (await restored.client(token).get("/v1/me")).status_code == 401
        new_keys = (await restored.http.get("/oauth2/jwks")).json()["keys"]
        assert {key["kid"] for key in new_keys}.isdisjoint(key["kid"] for key in old_keys)
        fresh = await restored.token_for(early.id)
        found = await restored.client(fresh).get(f"/v1/credentials/{answer.json()['id']}")
        assert found.json()["status"] == "quarantined"
        events = {event.type: event for event in await restored.events()}
        told = events["iam.installation.restored.v1"]
        assert told.after == {"restore_epoch": done.restore_epoch}
        assert told.detail is not None
        assert told.detail["backup"] == made.id
        assert told.detail["heads"]["backup"]["last_id"] < told.id
        assert "iam.credential.quarantined.v1" in events


@pytest.mark.any_database
async def test_a_restore_takes_the_place_of_what_is_there_only_when_told_to(
    world: World, empty_postgres: str, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    await world.actor(name="kept")
    made = await back_up(world, tmp_path)
    async with target(empty_postgres, tmp_path) as runtime:
        first = await restore_to(runtime, Path(made.path))
        second = await restore_to(runtime, Path(made.path), replaces=True, accepts=True)
        assert (await look_at(runtime.database)).restore_epoch == second.restore_epoch
    assert second.restore_epoch > first.restore_epoch
    assert second.quarantined == 0


@pytest.mark.any_database
async def test_f_24_with_the_revocations_only_what_has_ended_ends_again(
    world: World, admin: Actor, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    acme = await world.account("acme")
    leaver = await world.actor(name="leaver")
    made: dict[str, str] = {}
    for name in ("revoked", "kept"):
        await world.actor(name=name)
        answer = await admin.http.post(
            f"/v1/services/{name}/credentials", json={"kind": "client_secret"}
        )
        made[name] = answer.json()["id"]
    path = Path((await back_up(world, tmp_path)).path)
    ended = {
        made["revoked"]: "revoked",
        leaver.id: "disabled",
        acme: "suspended",
        "usr_x": "disabled",
    }
    url = f"sqlite+aiosqlite:///{tmp_path}/restored.db"
    async with target(url, tmp_path) as runtime:
        done = await restore_to(runtime, path, ended=ended)
    assert (done.replayed, done.quarantined) == (3, 0)
    async with open_world(url, tmp_path) as restored:
        again = restored.client(await restored.token_for(admin.id))
        status = {
            name: (await again.get(f"/v1/credentials/{id_}")).json()["status"]
            for name, id_ in made.items()
        }
        assert status == {"revoked": "revoked", "kept": "active"}
        assert (await again.get("/v1/services/leaver")).json()["status"] == "disabled"
        assert (await again.get("/v1/accounts/acme")).json()["status"] == "suspended"


@pytest.mark.any_database
async def test_a_restore_that_was_cut_off_is_not_served(world: World) -> None:
    async with world.work() as uow:
        uow.add(Restore(id="rst_1", backup_id="bak_1", backup_created_at=NOON, began_at=NOON))
    with pytest.raises(IamError) as caught:
        async with world.work() as uow:
            await ensure_installation(uow)
    assert caught.value.code == "restore_unfinished"
    assert "restore FILE --local --replace" in caught.value.message
    async with world.work() as uow:
        await uow.execute(update(Restore).values(finished_at=NOON))
        await ensure_installation(uow)


@pytest.mark.any_database
async def test_a_backup_of_another_installation_replaces_nothing(
    world: World, tmp_path: Path
) -> None:
    await give_recovery_key(world)
    made = await back_up(world, tmp_path)
    with opened(Path(made.path), identities_of(world.runtime.tools.sealer)) as backup:
        present = Present(is_empty=False, installation="ins_another", restore_epoch=3)
        with pytest.raises(IamError) as caught:
            check_replaceable(present, backup.header, replaces=True)
        assert caught.value.code == "other_installation"
        check_replaceable(Present(is_empty=True), backup.header, replaces=False)
