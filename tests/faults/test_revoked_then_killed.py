"""F-03: the server is killed with -9 the moment that it has acknowledged a revocation."""

import asyncio

import pytest

from tests.faults.arena import Arena
from tests.faults.claims import jti_of
from tests.faults.client import Client, Credential
from tests.faults.journal import Operation
from tests.faults.load import Cast, done, enroll
from tests.faults.nemesis import kill
from tests.host import Served

ROUNDS = 5
TOKENS = 20


@pytest.mark.long
def test_f_03_what_was_revoked_before_a_kill_is_revoked_after_it(arena: Arena) -> None:
    checked = 0
    for turn in range(ROUNDS):
        with arena.serve() as served:
            secret, revoked = asyncio.run(revoke_and_kill(arena, served, f"victim-{turn}"))
        with arena.serve() as served:
            checked += asyncio.run(check(arena, served, secret, revoked))
        assert arena.check() == [], served.log
    assert checked == ROUNDS * TOKENS


async def revoke_and_kill(
    arena: Arena, served: Served, name: str
) -> tuple[Credential, list[tuple[str, str]]]:
    """Revoke tokens all at once; the kill follows on the last answer, with nothing in between."""
    cast = Cast()
    async with arena.client(served) as client:
        await enroll(client, name, cast, pause=0)
        (secret,) = cast.secrets
        texts = [await token(client, secret) for _ in range(TOKENS)]
        revoked = [(jti_of(text), text) for text in texts]
        answers = await asyncio.gather(*(client.revoke(*one, secret) for one in revoked))
        kill(served.process.pid)
    assert all(done(answer) for answer in answers)
    return secret, revoked


async def token(client: Client, by: Credential) -> str:
    """A token of this credential."""
    text: str = done(await client.token(by)).got["access_token"]
    return text


async def check(
    arena: Arena, served: Served, secret: Credential, revoked: list[tuple[str, str]]
) -> int:
    """Every one is inactive, and an unrevoked one is not; returns how many were asked about."""
    async with arena.client(served) as client:
        fresh = await token(client, secret)
        assert done(await client.introspect(jti_of(fresh), fresh, secret)).got["active"]
        asked: list[Operation] = [await client.introspect(*one, secret) for one in revoked]
    assert [done(one).got["active"] for one in asked] == [False] * len(revoked)
    return len(asked)
