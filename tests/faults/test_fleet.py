"""F-02, F-03: three replicas are killed with -9 at the same moment, under load."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.faults.arena import describe
from tests.faults.claims import jti_of
from tests.faults.client import Client, Credential
from tests.faults.fleet import Fleet, open_fleet
from tests.faults.journal import Result
from tests.faults.load import Cast, done, enroll
from tests.faults.rounds import Measured, many_rounds
from tests.host import PATIENCE, Served

TOKENS = 100

pytestmark = pytest.mark.long


def test_f_02_three_replicas_killed_at_once_lose_nothing(
    new_database: str, tmp_path: Path, measured: Measured
) -> None:
    with open_fleet(tmp_path, new_database) as fleet:
        played = None
        for _ in range(many_rounds()):
            with fleet.serve() as served:
                if played is not None:
                    played.look_after(served)
                    assert fleet.arena.check() == [], logs(fleet)
                played = fleet.arena.load_and_damage(served, fleet.kill_all)
        assert played is not None
        with fleet.serve() as served:
            played.look_after(served)
        assert fleet.arena.check() == [], logs(fleet)
        measured(describe(fleet.arena))


def test_f_03_what_any_replica_has_revoked_no_replica_accepts_after_a_restart(
    new_database: str, tmp_path: Path, measured: Measured
) -> None:
    checked = 0
    with open_fleet(tmp_path, new_database) as fleet:
        for turn in range(rounds := many_rounds(3)):
            with fleet.serve() as served:
                secret, revoked = asyncio.run(revoke_and_kill(fleet, served, f"victim-{turn}"))
            with fleet.serve():
                checked += asyncio.run(check(fleet, secret, revoked))
            assert fleet.arena.check() == [], logs(fleet)
    assert checked == rounds * TOKENS * len(fleet.hosts)
    measured(f"{checked} introspections of revoked tokens, 0 active")


async def revoke_and_kill(
    fleet: Fleet, served: Served, name: str
) -> tuple[Credential, list[tuple[str, str]]]:
    """Revoke tokens all at once, at all replicas; the kill follows on the last answer."""
    cast = Cast()
    async with fleet.arena.client(served) as client:
        await enroll(client, name, cast, pause=0)
        (secret,) = cast.secrets
        texts = [await token(client, secret) for _ in range(TOKENS)]
        revoked = [(jti_of(text), text) for text in texts]
        await asyncio.gather(*(revoke(client, one, secret) for one in revoked))
        fleet.kill_all(served)
    return secret, revoked


async def revoke(client: Client, token: tuple[str, str], by: Credential) -> None:
    """Revoke a token; a server that has too much to do says so, and is asked again."""
    async with asyncio.timeout(PATIENCE):
        while (await client.revoke(*token, by)).result is not Result.OK:  # noqa: ASYNC110 -- a server is no event
            await asyncio.sleep(0.1)


async def token(client: Client, by: Credential) -> str:
    """A token of this credential."""
    text: str = done(await client.token(by)).got["access_token"]
    return text


async def check(fleet: Fleet, secret: Credential, revoked: list[tuple[str, str]]) -> int:
    """Every replica calls every one inactive; returns how often it was asked."""
    count = 0
    for served in fleet.replicas:
        auth = httpx2.BasicAuth(secret.service, secret.secret)
        async with httpx2.AsyncClient(base_url=served.url, timeout=30, auth=auth) as http:
            for _, text in revoked:
                answer = await http.post("/oauth2/introspect", data={"token": text})
                assert answer.json() == {"active": False}, served.log
                count += 1
    return count


def logs(fleet: Fleet) -> str:
    return "\n".join(served.log for served in fleet.replicas)
