"""A command on the host finds the server however far it has come."""

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iam.kit.database_lock import DatabaseLock, find_holder, locked_database
from iam.settings import Settings, read_settings
from iam.terminal.host import SERVER_ROLE
from iam.terminal.local import is_served
from tests.host import PATIENCE, Host

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(data_dir=tmp_path)


async def announce_soon(lock: DatabaseLock) -> None:
    await asyncio.sleep(0.3)
    lock.announce("http://localhost:8080")


async def test_a_server_that_is_starting_is_waited_for(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with locked_database(settings.data_dir / "iam.db", role=SERVER_ROLE) as lock:
        announcing = asyncio.create_task(announce_soon(lock))
        assert await is_served(settings)
        await announcing
        assert await is_served(settings)
    assert capfd.readouterr().err == "the server is starting; waiting for it\n"
    assert not await is_served(settings)


async def test_it_is_not_waited_for_without_end(settings: Settings) -> None:
    with locked_database(settings.data_dir / "iam.db", role=SERVER_ROLE):
        assert not await is_served(settings, patience=0.3)


async def test_another_command_is_not_waited_for(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with locked_database(settings.data_dir / "iam.db", role="migrate"):
        assert not await is_served(settings)
    assert not capfd.readouterr().err


def test_bootstrap_while_the_server_starts_makes_the_administrator_and_an_alarm(
    tmp_path: Path,
) -> None:
    host = Host(tmp_path)
    with subprocess.Popen(
        [sys.executable, *host.program, "serve", "--port", "0"],
        cwd=host.directory,
        env=host.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            deadline = time.monotonic() + PATIENCE
            while find_holder(host.data / "iam.db") is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            made = host.run("bootstrap", "--local", "--service", "admin", "--json")
        finally:
            server.terminate()
            server.wait(PATIENCE)
    assert made.returncode == 0, made.stderr
    plain = re.sub(r"\x1b\[[0-9;]*m", "", made.stderr)
    alarm = next(line for line in plain.splitlines() if "administrator_made_on_host" in line)
    assert "warning" in alarm
    assert "service=admin" in alarm
    assert "iam_cs_" not in made.stderr
