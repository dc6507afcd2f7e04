"""CK-03: what has expired stays expired, wherever the wall clock is set to."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iam.kit.clock import SystemClock
from iam.runtime import Runtime
from tests.oauth import (
    add_key,
    ask,
    assertion_form,
    introspected,
    new_client,
    set_credential,
    token_of,
)
from tests.world import ISSUER, MASTER_KEY, World, allow, make_settings

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_ck_03_nothing_that_expired_revives_when_the_clock_is_set_back_an_hour(
    world: World,
) -> None:
    client = await new_client(world, allow("decisions:Evaluate"))
    billing = await new_client(world)
    key = await add_key(world, client.actor)
    token = await token_of(world, client)
    assertion = {**assertion_form(world, key, client.id), **GRANT}
    ends = world.clock.now() + HOUR
    await set_credential(world, billing.credential_id, expires_at=ends)
    question = {"token": token, "action": "billing:Get", "resource": "*"}

    async def accepted() -> list[bool]:
        me = await world.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        decided = await world.http.post(
            "/v1/decisions",
            json={"evaluations": [question]},
            headers={"Authorization": f"Bearer {token}"},
        )
        return [
            me.status_code == 200,
            decided.status_code == 200,
            (await introspected(world, token, client))["active"],
            (await ask(world, "token", GRANT, basic=billing.basic)).status_code == 200,
        ]

    assert await accepted() == [True] * 4
    await world.advance(HOUR + timedelta(seconds=31))  # past what clocks may be apart
    assert await accepted() == [False] * 4
    world.clock.step(-HOUR)
    assert await accepted() == [False] * 4
    assert (await ask(world, "token", assertion)).status_code == 401
    await world.advance(HOUR / 2)
    assert await accepted() == [False] * 4
    # What is issued now is good for as long as ever, and for no longer.
    fresh = await token_of(world, client)
    assert (await introspected(world, fresh, client))["active"]
    await world.advance(HOUR)
    assert not (await introspected(world, fresh, client))["active"]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_ck_03_a_replica_that_starts_an_hour_behind_goes_by_the_clock_of_the_database(
    database_url: str, tmp_path: Path
) -> None:
    behind = SystemClock(lambda: _wall() - HOUR.total_seconds())
    settings = make_settings(database_url, tmp_path, issuer=ISSUER)
    runtime = Runtime(settings, master_key=MASTER_KEY, clock=behind)
    assert behind.now() < datetime.fromtimestamp(_wall(), UTC) - HOUR / 2
    await runtime.start()
    try:
        shown = await runtime.database.time()
        assert abs(behind.now() - shown) < HOUR / 2
    finally:
        await runtime.stop()


def _wall() -> float:
    return time.time()  # noqa: TID251  # the machine's clock, which the replica's differs from
