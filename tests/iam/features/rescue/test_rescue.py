"""PE-34: the way back in. It is opened on the host alone, always tells, and ends by itself."""

from datetime import timedelta

import httpx2
import pytest
from typer.testing import CliRunner

from iam.cli import program
from iam.errors import IamError
from iam.features.rescue.rules import checked_reason
from iam.features.rescue.service import RescueCredential, rescue
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio
REASON = "everybody has left"
DENY = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
GUARDRAIL = "/v1/guardrails/scp/nothing"


async def token_for(world: World, made: RescueCredential) -> httpx2.Response:
    return await world.http.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(made.client_id, made.client_secret),
    )


@pytest.mark.any_database
async def test_pe_34_for_15_minutes_it_is_above_guardrails_and_then_nothing(world: World) -> None:
    async with world.work() as uow:
        made = await rescue(uow, reason=f"  {REASON}\n")
    token = (await token_for(world, made)).json()["access_token"]
    rescuer = world.client(token)
    everything = await world.actor(allow("*"), name="everything")
    written = await rescuer.put(GUARDRAIL, json={"document": DENY})
    assert written.status_code == 200, written.text
    bound = await rescuer.put(f"{GUARDRAIL}/attachments/account/main")
    assert bound.status_code == 200, bound.text
    assert (await everything.http.get("/v1/users")).status_code == 403
    assert (await rescuer.get("/v1/users")).status_code == 200
    await world.advance(timedelta(minutes=15))
    assert (await rescuer.get("/v1/users")).status_code == 403
    assert (await token_for(world, made)).status_code == 401


@pytest.mark.any_database
async def test_pe_34_it_tells_who_why_and_how_grave_in_the_audit_log_and_the_outbox(
    world: World,
) -> None:
    async with world.work() as uow:
        made = await rescue(uow, reason=REASON)
    (event,) = [each for each in await world.events() if each.type == "iam.service.rescued.v1"]
    assert event.actor == "arn:iam:iam::main:root"
    assert event.subject == f"arn:iam:iam::main:service/rescue/{made.service}"
    assert event.detail == {
        "severity": "high",
        "reason": REASON,
        "ends_at": made.ends_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.any_database
async def test_pe_34_nobody_opens_it_from_outside_or_for_another_account(
    world: World, admin: Actor
) -> None:
    document = (await admin.http.get("/openapi.json")).json()
    assert not [path for path in document["paths"] if "rescue" in path]
    await world.account("acme")
    for account in ("acme", "main"):
        async with world.work(account) as uow:
            reason = REASON if account == "acme" else " "
            with pytest.raises(IamError) as caught:
                await rescue(uow, reason=reason)
        assert caught.value.code == ("root_required" if account == "acme" else "reason_required")


def test_pe_34_the_command_asks_for_a_reason_and_for_the_host() -> None:
    without = CliRunner().invoke(program(), ["rescue", "--local"])
    assert without.exit_code == 2
    elsewhere = CliRunner().invoke(program(), ["rescue", "--reason", REASON])
    assert elsewhere.exit_code == 2
    assert "--local" in elsewhere.stderr
    with pytest.raises(IamError, match="500"):
        checked_reason("x" * 501)
