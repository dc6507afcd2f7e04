"""`iam worker` as a real process on PostgreSQL: it starts, keeps house, and stops when told to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from iam.features.installation.service import start_installation
from iam.features.job_runs.service import register_jobs
from iam.features.jobs.service import run_job
from iam.kit import schema
from iam.kit.clock import SystemClock
from iam.models import OneTimeId
from iam.runtime import Runtime
from iam.terminal.host import root_of
from iam.worker import JOBS
from tests.host import PATIENCE, Host
from tests.world import MASTER_KEY, make_settings

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(url: str, data: Path) -> AsyncIterator[Runtime]:
    runtime = Runtime(make_settings(url, data), master_key=MASTER_KEY)
    try:
        yield runtime
    finally:
        await runtime.database.close()


async def leave_something_to_do(runtime: Runtime) -> None:
    """A one-time id that may be forgotten, and a run that somebody has asked for."""
    await schema.upgrade(runtime.database)
    await start_installation(lambda: runtime.begin(root_of(runtime)))
    over = SystemClock().now() - timedelta(days=1)
    async with runtime.begin_as_root() as uow:
        uow.add(OneTimeId(kind="test", id="over", expires_at=over))
        known = [(job.name, job.description, job.schedule) for job in JOBS]
        await register_jobs(uow, known)
    async with runtime.begin_as_root() as uow:
        await run_job(uow, name="prune-one-time-ids")


async def is_done(runtime: Runtime) -> bool:
    async with runtime.begin_as_root() as uow:
        count: int = await uow.scalar(select(func.count()).select_from(OneTimeId))
        return count == 0


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_a_worker_keeps_house_until_it_is_told_to_stop(
    database_url: str, tmp_path: Path
) -> None:
    key = tmp_path / "master.key"
    key.write_text(MASTER_KEY.hex())
    key.chmod(0o600)
    settings = {"IAM_DATABASE_URL": database_url, "IAM_MASTER_KEY_FILE": str(key)}
    async with opened(database_url, tmp_path) as runtime:
        await leave_something_to_do(runtime)
        assert not await is_done(runtime)
        with Host(tmp_path, settings).work() as worker:
            deadline = time.monotonic() + PATIENCE
            while not await is_done(runtime):
                assert time.monotonic() < deadline, worker.log
                await asyncio.sleep(0.1)
            assert worker.stop() == 0, worker.log
    assert '"stopped"' in worker.log
    assert "job_failed" not in worker.log
    assert "Traceback" not in worker.log
