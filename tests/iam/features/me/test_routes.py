"""`GET /v1/me`: who the caller is."""

from datetime import timedelta

import pytest

from iam.models import User
from tests.world import NOON, Actor, World

pytestmark = pytest.mark.anyio


async def test_anybody_with_a_token_learns_who_it_is(world: World) -> None:
    alice = await world.actor(name="alice", kind=User)
    answer = await alice.http.get("/v1/me")
    assert answer.status_code == 200, answer.text
    token = answer.json().pop("token")
    assert answer.json() == {
        "sub": alice.id,
        "arn": alice.arn,
        "account": "main",
        "kind": "user",
        "name": "alice",
        "groups": [],
        "token": token,
    }
    assert token["jti"].startswith("tok_")
    assert (token["client_id"], token["audience"]) == (alice.id, "http://localhost:8080")
    assert token["issued_at"] == NOON.isoformat().replace("+00:00", "Z")
    assert token["expires_at"] == (NOON + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert alice.token not in answer.text


async def test_groups_are_told(admin: Actor) -> None:
    me = (await admin.http.get("/v1/me")).json()
    assert (me["kind"], me["name"]) == ("service", admin.name)
    assert me["groups"] == ["arn:iam:iam::main:group/administrators"]


async def test_mt_01_another_accounts_caller_sees_its_own_account(
    world: World,
) -> None:
    await world.account("acme")
    stranger = await world.administrator("acme")
    me = (await stranger.http.get("/v1/me")).json()
    assert (me["account"], me["groups"]) == ("acme", ["arn:iam:iam::acme:group/administrators"])


async def test_aa_01_without_a_token_nobody_is_told_anything(world: World) -> None:
    answer = await world.http.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_required")
