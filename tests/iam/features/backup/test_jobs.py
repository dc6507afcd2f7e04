"""Backups make themselves, are restored on trial, and their age is a metric."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from iam.features.backup.queries import list_backups, measure
from tests.backups import give_recovery_key
from tests.world import World, open_world

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]
DAY = timedelta(days=1)


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def ages(world: World) -> list[float]:
    async with world.work() as uow:
        return [family.samples[0][1] for family in await measure(uow)]


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """One that keeps two backups."""
    async with open_world(database_url, tmp_path, backup={"keep": 2}) as opened:
        yield opened


async def test_the_jobs_make_backups_prove_them_and_let_old_ones_go(world: World) -> None:
    directory = world.runtime.settings.backup_directory
    assert (await world.run_job("create-backup")).left_out is not None  # nobody could recover it
    assert (await world.run_job("verify-backup")).left_out == "there is no backup yet"
    await world.advance(DAY)
    assert min(await ages(world)) >= DAY.total_seconds()
    await give_recovery_key(world)
    keep = world.runtime.settings.backup.keep
    for _ in range(keep + 1):
        await world.advance(DAY)
        assert (await world.run_job("create-backup")).left_out is None
    run = await world.run_job("verify-backup")
    assert run.left_out is None
    assert run.done > 0
    await world.advance(DAY)
    assert await ages(world) == [DAY.total_seconds()] * 2
    async with world.work() as uow:
        kept = await list_backups(uow)
    assert len(kept) == keep
    assert {Path(row.path).name for row in kept} == names_in(directory)
    assert kept[0].verified_at is not None
