"""F-10: the disk is full. What cannot be written is refused; reading goes on; and when there is
room again, so does writing, without a restart.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from tests.faults.aftermath import settle_all
from tests.faults.arena import Arena, is_ready, open_arena
from tests.faults.claims import jti_of
from tests.faults.client import Client, Credential
from tests.faults.load import Cast, done, enroll
from tests.faults.recovered import superuser_url
from tests.host import PATIENCE, Served

MEGABYTE: Final = 1 << 20
TRIES: Final = 2_000
"""Tokens, before a table that may not grow is certainly full."""
_NOBODY: Final = 65_534

Room = Callable[[], AbstractContextManager[None]]


def test_f_10_on_sqlite_what_cannot_be_written_is_refused_until_it_can(tmp_path: Path) -> None:
    with open_arena(tmp_path) as arena, arena.serve() as served:
        pid = served.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

        @contextmanager
        def no_room() -> Iterator[None]:
            """No file of the server may grow, or be written to beyond its first byte."""
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
            try:
                yield
            finally:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

        asyncio.run(play(arena, served, no_room))
        assert arena.check() == [], served.log
        assert '"database_unwritable"' in served.log


@pytest.mark.long
def test_f_10_on_sqlite_a_full_file_system_is_the_same(tmp_path: Path) -> None:
    with (
        small_disk(megabytes=64) as disk,
        open_arena(tmp_path, data=disk / "data") as arena,
        arena.serve() as served,
    ):
        asyncio.run(play(arena, served, lambda: filled(disk)))
        assert arena.check() == [], served.log
        assert '"database_unwritable"' in served.log


@pytest.mark.long
def test_f_10_on_postgresql_a_full_file_system_is_the_same(
    new_database: str, tmp_path: Path
) -> None:
    with (
        small_disk(megabytes=16) as disk,
        open_arena(tmp_path, database_url=new_database) as arena,
        arena.serve() as served,
    ):
        asyncio.run(move_ledger(new_database, disk))
        try:
            asyncio.run(play(arena, served, lambda: filled(disk), ledger_alone=True))
            assert arena.check() == [], served.log
            assert '"ledger_unwritten"' in served.log
        finally:
            asyncio.run(move_back(new_database))


async def move_ledger(database_url: str, disk: Path) -> None:
    """Put the ledger on the small disk: what cannot grow there."""
    tables = disk / "tables"
    tables.mkdir()
    if os.geteuid() == 0:
        os.chown(tables, _NOBODY, _NOBODY)
    connection = await asyncpg.connect(superuser_url(database_url).replace("+asyncpg", ""))
    await connection.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
    await connection.execute("ALTER TABLE issued_tokens SET TABLESPACE small")
    await connection.close()


async def move_back(database_url: str) -> None:
    connection = await asyncpg.connect(superuser_url(database_url).replace("+asyncpg", ""))
    await connection.execute("ALTER TABLE issued_tokens SET TABLESPACE pg_default")
    await connection.execute("DROP TABLESPACE small")
    await connection.close()


async def play(arena: Arena, served: Served, no_room: Room, *, ledger_alone: bool = False) -> None:
    cast = Cast()
    began_at = arena.journal.length
    async with arena.client(served) as client:
        await enroll(client, "service", cast, pause=0)
        (secret,) = cast.secrets
        text = done(await client.token(secret)).got["access_token"]
        revoked = done(await client.token(secret)).got["access_token"]
        with no_room():
            await until_no_token_is_issued(client, secret)
            if not ledger_alone:
                name = "nobody"
                made = await client.api("user.create", name, "POST", "/v1/users", {"name": name})
                assert made.status == 503, served.log
                ended = await client.revoke(jti_of(revoked), revoked, secret)
                assert ended.status == 503, served.log
            asked = done(await client.introspect(jti_of(text), text, secret))
            assert asked.got["active"]
            done(await client.api("read", "users", "GET", "/v1/users"))
            for path in ("/livez", "/oauth2/jwks", "/.well-known/oauth-authorization-server"):
                assert (await client.http.get(path)).status_code == 200
        done(await client.token(secret))
        await settle_all(client, cast, arena.journal.since(began_at))
        done(await client.revoke(jti_of(revoked), revoked, secret))
        name = "somebody"
        done(await client.api("user.create", name, "POST", "/v1/users", {"name": name}))


@pytest.mark.long
def test_f_10_a_full_log_stops_nothing(tmp_path: Path) -> None:
    with open_arena(tmp_path) as arena, Path("/dev/full").open("wb") as log:
        command = [sys.executable, "-m", "iam", "serve", "--port", str(arena.port)]
        with subprocess.Popen(
            command, cwd=tmp_path, env=arena.host.environment, stdout=log, stderr=log, text=True
        ) as process:
            served = Served(process, url=f"http://127.0.0.1:{arena.port}")
            try:
                deadline = time.monotonic() + PATIENCE
                while not is_ready(served):
                    assert process.poll() is None, "it ended because it could write no log"
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                asyncio.run(ask_for_a_token(arena, served))
            finally:
                process.terminate()


async def ask_for_a_token(arena: Arena, served: Served) -> None:
    async with arena.client(served) as client:
        done(await client.token(arena.admin))


async def until_no_token_is_issued(client: Client, secret: Credential) -> None:
    """What is left of the last page may hold some more."""
    for _ in range(TRIES):
        operation = await client.token(secret)
        if operation.status == 503:
            return
        done(operation)
    raise AssertionError("the disk is not full")


@contextmanager
def small_disk(*, megabytes: int) -> Iterator[Path]:
    """A file system of its own in memory; skips where nobody may mount one."""
    at = Path(tempfile.mkdtemp(prefix="iam-disk-"))
    at.chmod(0o755)  # PostgreSQL is another user
    options = ("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "none", str(at))
    mounted = subprocess.run(
        ["mount", *options],  # noqa: S607 -- wherever this machine has it
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        at.rmdir()
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)  # noqa: S607 -- as above
        at.rmdir()


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing more fits on the disk while the block runs."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()
