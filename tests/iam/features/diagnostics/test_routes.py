"""What a diagnosis reads from an installation."""

from datetime import timedelta
from typing import Any

import pytest

from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio
INSTALLATION = "arn:iam:iam::main:installation"


async def look(actor: Actor) -> dict[str, dict[str, Any]]:
    answer = await actor.http.get("/v1/diagnostics")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["status"] in {check["status"] for check in found["checks"]}
    return {check["check"]: check for check in found["checks"]}


async def test_it_reads_what_is_there(world: World, admin: Actor) -> None:
    checks = await look(admin)
    assert checks["schema"]["status"] == "ok"
    assert checks["key access_token"]["status"] == "ok"
    assert checks["worker"]["status"] == "error"
    assert checks["backup"]["text"] == "there is no backup"
    assert checks["mail"]["text"].startswith("no mail can be sent")
    # Who calls has a token, and nothing to get the next one with.
    assert "iam rescue" in checks["administrators"]["advice"]
    await world.advance(timedelta(minutes=10))
    later = await look(admin)
    assert later["audit log"]["status"] == "error"
    assert later["deliveries"]["status"] == "error"


@pytest.mark.any_database
async def test_only_who_may_in_main_is_told(world: World) -> None:
    reader = await world.actor(allow("iam:GetDiagnostics", on=INSTALLATION), name="reader")
    assert (await reader.http.get("/v1/diagnostics")).status_code == 200
    await world.account("acme")
    others = await world.administrator("acme")
    assert (await world.client(others.token).get("/v1/diagnostics")).status_code == 403
