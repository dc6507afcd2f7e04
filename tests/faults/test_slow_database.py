"""F-07: the way to PostgreSQL grows long, or swallows everything without ending a connection."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import pytest
from sqlalchemy.engine import make_url

from tests.faults.arena import Arena, Took, open_arena, starved_seconds
from tests.faults.client import Client, Credential
from tests.faults.cutting import Cutter, cutting
from tests.faults.load import Cast, done, enroll
from tests.faults.rounds import Measured
from tests.host import PATIENCE, Served
from tests.postgres import Server

REFUSED_SECONDS: Final = 5.0
"""How soon a request is refused that waits for a database which does not answer: a promise."""
SLACK_SECONDS: Final = 2.0
"""What a machine that has much else to do may add to it, beyond what the kernel counts."""
AT_ONCE: Final = 8
"""Of each kind."""
NO_DATABASE: Final = ("/oauth2/jwks", "/.well-known/oauth-authorization-server", "/livez")

pytestmark = pytest.mark.long


@contextmanager
def far_away(server: Server, database_url: str, directory: Path) -> Iterator[tuple[Arena, Cutter]]:
    """A server whose way to its database is ours."""
    with (
        cutting(server.port) as way,
        open_arena(directory, database_url=database_url) as arena,
    ):
        beyond = make_url(database_url).set(port=way.port).render_as_string()
        arena.host.settings = {**arena.host.settings, "IAM_DATABASE_URL": beyond}
        yield arena, way


def test_f_07_a_database_that_is_half_a_second_away_slows_down_only_who_needs_it(
    durable_postgres: Server, new_database: str, tmp_path: Path, measured: Measured
) -> None:
    with far_away(durable_postgres, new_database, tmp_path) as (arena, way), arena.serve() as at:
        measured(asyncio.run(play(arena, at, way, delay=0.5)))
        assert arena.check() == [], at.log


def test_f_07_a_database_that_answers_nothing_is_given_up_and_comes_back(
    durable_postgres: Server, new_database: str, tmp_path: Path, measured: Measured
) -> None:
    with far_away(durable_postgres, new_database, tmp_path) as (arena, way), arena.serve() as at:
        measured(asyncio.run(play(arena, at, way, delay=None)))
        assert arena.check() == [], at.log


async def play(arena: Arena, served: Served, way: Cutter, *, delay: float | None) -> str:
    cast = Cast()
    async with arena.client(served) as client:
        await enroll(client, "caller", cast, pause=0)
        (secret,) = cast.secrets
        await ask_much(client, secret)  # every connection that it may open is open
        await ask_without_database(served, asyncio.create_task(asyncio.sleep(0)))
        before = open_files(served)
        way.delay, way.is_silent = delay or 0.0, delay is None
        starved = starved_seconds(served.process.pid)
        asking = asyncio.create_task(ask_much(client, secret))
        quick = await ask_without_database(served, asking)
        answers, wall = await asking
        took = Took(wall, starved_seconds(served.process.pid) - starved)
        way.delay, way.is_silent = 0.0, False
        statuses = sorted({status for status, _ in answers})
        told = (
            f"{len(answers)} requests that need it: {statuses} within {took}; "
            f"{len(quick)} that do not: at most {max(quick):.2f} s"
        )
        assert set(statuses) <= {200, 201, 429, 503}, f"{told}\n{served.log}"
        assert all(retry for status, retry in answers if status in {429, 503}), told
        if delay is None:
            assert set(statuses) <= {429, 503}, told
            assert took.own < REFUSED_SECONDS + SLACK_SECONDS, f"{told}\n{served.log}"
        assert max(quick) < took.wall, f"{told}\n{served.log}"
        await until_it_works(client, secret)
        await until_nothing_is_left(served, before)
        return told


async def ask_much(client: Client, secret: Credential) -> tuple[list[tuple[int, bool]], float]:
    """Tokens, reads and writes at once: status and whether it says when to come back; seconds."""

    async def token() -> tuple[int, bool]:
        operation = await client.token(secret)
        return operation.status, operation.status == 503

    async def read() -> tuple[int, bool]:
        answer = await http.get("/v1/users", headers=bearer)
        return answer.status_code, "retry-after" in answer.headers

    async def write(number: int) -> tuple[int, bool]:
        name = f"user-{client.journal.length}-{number}"
        answer = await http.post("/v1/users", headers=bearer, json={"name": name})
        return answer.status_code, "retry-after" in answer.headers

    bearer = {"Authorization": f"Bearer {client.bearer}"}
    began = asyncio.get_running_loop().time()
    async with httpx2.AsyncClient(base_url=str(client.http.base_url), timeout=PATIENCE) as http:
        asked = [each for number in range(AT_ONCE) for each in (token(), read(), write(number))]
        answers = await asyncio.gather(*asked)
    return list(answers), asyncio.get_running_loop().time() - began


async def ask_without_database(served: Served, while_: asyncio.Task[object]) -> list[float]:
    """Ask for what stands in memory as long as the others wait; returns seconds."""
    took: list[float] = []
    loop = asyncio.get_running_loop()
    async with httpx2.AsyncClient(base_url=served.url, timeout=PATIENCE) as http:
        while not took or not while_.done():
            for path in NO_DATABASE:
                began = loop.time()
                answer = await http.get(path)
                assert answer.status_code == 200, f"{path}: {answer.text}\n{served.log}"
                took.append(loop.time() - began)
            await asyncio.sleep(0.05)
    return took


async def until_it_works(client: Client, secret: Credential) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await client.token(secret)).status != 200:  # noqa: ASYNC110 -- the server is no event
            await asyncio.sleep(0.2)
    done(await client.token(secret))


async def until_nothing_is_left(served: Served, before: int) -> None:
    """Descriptors and threads are as many as before, or hardly more."""
    async with asyncio.timeout(PATIENCE):
        while open_files(served) > before * 1.1 + 2:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.5)


def open_files(served: Served) -> int:
    """Descriptors and threads of the server."""
    at = Path(f"/proc/{served.process.pid}")
    return len(list((at / "fd").iterdir())) + len(list((at / "task").iterdir()))
