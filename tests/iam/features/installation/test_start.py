"""Replicas that start together on one empty database."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from iam.errors import IamError, unavailable
from iam.features.installation.service import start_installation
from iam.features.policies.shipped import shipped_policies
from iam.kit import schema
from iam.models import AuditEntry, Installation, Policy, SigningKey
from iam.runtime import Runtime
from iam.work import Caller, UnitOfWork
from tests import empty_databases
from tests.postgres import Server
from tests.world import MASTER_KEY, make_settings

pytestmark = pytest.mark.anyio

ROOT = Caller.root(account="main", partition="iam", request_id="start")


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    """The URL of a PostgreSQL database with nothing in it."""
    with empty_databases.empty_database(postgres, "empty") as url:
        yield url


async def start(runtime: Runtime) -> None:
    """What a server does before it serves."""
    await schema.upgrade(runtime.database)
    await start_installation(lambda: runtime.begin(ROOT))


async def test_f_16_three_replicas_on_an_empty_database_make_one_installation(
    empty_database: str, tmp_path: Path
) -> None:
    settings = make_settings(empty_database, tmp_path)
    replicas = [Runtime(settings, master_key=MASTER_KEY) for _ in range(3)]
    try:
        await asyncio.gather(*(start(replica) for replica in replicas))
        await check_that_there_is_one_of_each(replicas[0])
    finally:
        for replica in replicas:
            await replica.stop()


async def check_that_there_is_one_of_each(replica: Runtime) -> None:
    async with replica.begin(ROOT, read_only=True) as uow:

        async def count(model: type[Installation | SigningKey | Policy]) -> int:
            found: int = await uow.scalar(select(func.count()).select_from(model))
            return found

        assert await count(Installation) == 1
        assert await count(SigningKey) == 1
        assert await count(Policy) == len(shipped_policies())
        created = select(func.count()).where(AuditEntry.type == "iam.installation.created.v1")
        assert await uow.scalar(created) == 1


async def test_what_another_replica_cannot_cause_is_not_tried_again() -> None:
    begun = 0

    def begin() -> AbstractAsyncContextManager[UnitOfWork]:
        nonlocal begun
        begun += 1
        raise unavailable("master_key_wrong", "the master key is not the one")

    with pytest.raises(IamError, match="master key"):
        await start_installation(begin)
    assert begun == 1
