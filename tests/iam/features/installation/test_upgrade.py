"""An installation of an older schema, brought up to date: nothing is lost, nobody is locked out."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from iam.features.installation.service import start_installation
from iam.kit import schema
from iam.models import Base
from iam.runtime import Runtime
from iam.work import Caller
from tests.world import MASTER_KEY, World, allow, make_settings, open_world

pytestmark = pytest.mark.anyio


async def set_back(world: World) -> None:
    """Make of this installation one that never saw a schema after 0001."""

    def downgrade(connection: Connection) -> None:
        command.downgrade(schema._config(connection), "0001")

    database = world.runtime.database
    async with database.connect(writes=True) as connection, connection.begin():
        await connection.run_sync(downgrade)
    assert await schema.current_revision(database) == "0001"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_was_made_with_0001_goes_on_with_its_guardrails(
    world: World, tmp_path: Path, database_url: str
) -> None:
    await world.account("acme")
    boss = await world.administrator("acme")
    billing = await world.actor(allow("billing:*"), account="acme")
    await set_back(world)
    runtime = Runtime(make_settings(database_url, tmp_path), master_key=MASTER_KEY)
    root = Caller.root(account="main", partition="iam", request_id="start")
    try:
        assert await schema.upgrade(runtime.database)
        await start_installation(lambda: runtime.begin(root))
    finally:
        await runtime.stop()
    async with open_world(database_url, tmp_path) as upgraded:
        acting = upgraded.client(boss.token)
        assert (await acting.get("/v1/services")).status_code == 200
        question = {"principal": billing.arn, "action": "billing:X", "resource": "*"}
        answer = await acting.post("/v1/decisions", json={"evaluations": [question]})
        assert answer.json()["decisions"][0]["allowed"]
        async with upgraded.work() as uow:
            levels = await uow.execute(text("SELECT level FROM guardrail_attachments"))
            found = sorted(set(levels.scalars()))
        assert found == ["account/acme", "account/iam", "account/main", "installation"]


async def test_the_models_are_what_the_migrations_make(world: World) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with world.runtime.database.connect(writes=False) as connection:
        assert await connection.run_sync(differences) == []
