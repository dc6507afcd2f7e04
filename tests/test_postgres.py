import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.postgres import Server, find_binaries, start_postgres

ROOT = Path(__file__).parents[1]
ORPHAN = """
import time
from tests.postgres import start_postgres
server = start_postgres()
print(server.pid, server.directory, flush=True)
time.sleep(60)
"""


def ask(server: Server, question: str) -> str:
    async def answer() -> str:
        engine = create_async_engine(server.url)
        try:
            async with engine.connect() as connection:
                return str(await connection.scalar(text(question)))
        finally:
            await engine.dispose()

    return asyncio.run(answer())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_answers_and_leaves_nothing_behind() -> None:
    with start_postgres() as server:
        assert ask(server, "select version()").startswith("PostgreSQL 1")
        assert ask(server, "show fsync") == "off"
        assert ask(server, "select rolsuper from pg_roles where rolname = current_user") == "False"
        assert server.url == f"postgresql+asyncpg://iam@127.0.0.1:{server.port}/iam"
        pid = server.pid
    assert not is_alive(pid)
    assert not server.directory.exists()
    server.stop()


def test_a_durable_server_flushes_every_commit() -> None:
    with start_postgres(durable=True) as server:
        settings = [ask(server, f"show {name}") for name in ("fsync", "synchronous_commit")]
    assert settings == ["on", "on"]


def test_a_server_that_is_restarted_is_another_process_with_the_same_data() -> None:
    with start_postgres(durable=True) as server:
        before = server.pid
        server.restart(signal.SIGQUIT, pause=0.1)
        deadline = time.monotonic() + 60
        while True:
            try:
                assert ask(server, "select current_database()") == "iam"
                if server.pid != before:
                    break
            except (OSError, DBAPIError):
                assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)
        assert not is_alive(before)
        pid = server.pid
    assert not is_alive(pid)
    assert not server.directory.exists()


def test_a_server_dies_with_its_owner_even_when_that_one_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", ORPHAN], cwd=ROOT, stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        pid, directory = owner.stdout.readline().decode().split()
        assert is_alive(int(pid))
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (is_alive(int(pid)) or Path(directory).exists()):
        time.sleep(0.02)
    assert not is_alive(int(pid))
    assert not Path(directory).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what the server may not read")
def test_binaries_in_a_private_home_are_copied(tmp_path: Path) -> None:
    found = find_binaries()
    package = found.parents[1]
    private = tmp_path / "private"
    shutil.copytree(found.parent, private / package.name / found.parent.name, symlinks=True)
    bundled = package.with_name(f"{package.name}.libs")
    if bundled.is_dir():
        shutil.copytree(bundled, private / bundled.name)
    private.chmod(0o700)
    with start_postgres(binaries=private / package.name / found.parent.name / "bin") as server:
        assert (server.directory / "copy").is_dir()
        assert ask(server, "select 1") == "1"
    assert not server.directory.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = tmp_path / "installation" / "bin"
    binaries.mkdir(parents=True)
    for name, script in (("postgres", "exit 0"), ("initdb", "echo no such luck; exit 3")):
        (binaries / name).write_text(f"#!/bin/sh\n{script}\n")
        (binaries / name).chmod(0o755)
    with tempfile.TemporaryDirectory() as room:
        Path(room).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", room)
        with pytest.raises(RuntimeError, match="no such luck"):
            start_postgres(binaries=binaries)
        assert not list(Path(room).iterdir())
