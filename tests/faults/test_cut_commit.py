"""F-08: the database commits, and the connection breaks before it can say so."""

import asyncio
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.faults.arena import Arena, open_arena
from tests.faults.cutting import COMMIT, Cutter, cutting
from tests.faults.journal import Result
from tests.faults.load import Cast, done, enroll
from tests.host import Served
from tests.postgres import Server

TRIES = 5
A_TOKEN = b'"tok_'
"""In the one message that writes tokens and commits."""


def test_f_08_a_retry_after_a_lost_commit_has_one_effect(
    durable_postgres: Server, new_database: str, tmp_path: Path
) -> None:
    with (
        cutting(durable_postgres.port) as cutter,
        open_arena(tmp_path, database_url=new_database) as arena,
    ):
        beyond = make_url(new_database).set(port=cutter.port).render_as_string()
        arena.host.settings = {**arena.host.settings, "IAM_DATABASE_URL": beyond}
        with arena.serve() as served:
            asyncio.run(play(arena, served, cutter))
        assert cutter.cuts == 2 * TRIES
        assert arena.check() == [], served.log


async def play(arena: Arena, served: Served, cutter: Cutter) -> None:
    cast = Cast()
    async with arena.client(served) as client:
        await enroll(client, "service", cast, pause=0)
        for turn in range(TRIES):
            body = {"name": f"user-{turn}"}
            cutter.cut_next(COMMIT, after=body["name"].encode())
            lost = await client.api("user.create", body["name"], "POST", "/v1/users", body)
            assert (lost.result, lost.status) == (Result.UNKNOWN, 503), served.log
            again = done(await client.again(lost))
            assert again.got.get("replayed"), "the commit had arrived"
            cutter.cut_next(A_TOKEN)
            token = await client.token(cast.secrets[0])
            assert (token.result, token.status) == (Result.UNKNOWN, 503), served.log
            done(await client.token(cast.secrets[0]))
