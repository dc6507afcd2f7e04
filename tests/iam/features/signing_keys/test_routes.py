import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.service import rotate_keys
from iam.models import SigningKey
from iam_sdk.errors import TokenInvalid
from iam_sdk.jwk import PRIVATE_MEMBERS
from iam_sdk.jws import KeySet
from iam_sdk.tokens import verify_access_token
from tests.world import ISSUER, Actor, World, allow

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


async def states(world: World) -> list[str]:
    async with world.work() as uow:
        query = select(SigningKey.state).order_by(SigningKey.created_at, SigningKey.kid)
        return list((await uow.scalars(query)).all())


async def signs(world: World) -> str:
    return (await world.signers.get(Purpose.ACCESS_TOKEN)).kid


async def published(world: World) -> dict[str, Any]:
    answer = await world.http.get("/oauth2/jwks")
    found: dict[str, Any] = answer.json()
    return found


async def fresh(world: World, actor: Actor) -> None:
    """A token of this very moment, after time has passed."""
    await world.runtime.changes.poll()
    actor.http.headers["authorization"] = f"Bearer {await world.token_for(actor.id)}"


class TestRotation:
    async def test_a_key_is_prepared_then_active_then_retiring_then_gone(
        self, world: World, admin: Actor
    ) -> None:
        first = await signs(world)
        await world.advance(MINUTE)  # lists are ordered by age
        rotated = await admin.http.post("/v1/signing-keys:rotate")
        assert rotated.status_code == 200, rotated.text
        old, new = rotated.json()["items"]
        assert (old["kid"], old["state"], new["state"]) == (first, "active", "prepared")
        assert new["activates_at"] == "2026-07-02T12:01:00Z"
        assert len((await published(world))["keys"]) == 2
        again = await admin.http.post("/v1/signing-keys:rotate")
        assert again.json() == rotated.json()
        assert await signs(world) == first

        await world.advance(DAY)
        await fresh(world, admin)
        done = (await admin.http.post("/v1/signing-keys:rotate")).json()["items"]
        assert [key["state"] for key in done] == ["retiring", "active"]
        assert done[0]["leaves_at"] == "2026-07-03T15:01:00Z"
        assert await signs(world) == new["kid"]
        assert len((await published(world))["keys"]) == 2

        await world.advance(timedelta(hours=27))
        await world.run_job("advance-signing-keys")
        assert [key["kid"] for key in (await published(world))["keys"]] == [new["kid"]]
        assert await states(world) == ["gone", "active"]  # by age
        types = [entry.type for entry in await world.events() if entry.target_id == first]
        assert [name.split(".")[2] for name in types] == ["activated", "retired", "removed"]

    async def test_time_alone_activates_a_prepared_key(self, world: World, admin: Actor) -> None:
        await admin.http.post("/v1/signing-keys:rotate")
        await world.run_job("advance-signing-keys")
        assert sorted(await states(world)) == ["active", "prepared"]
        await world.advance(DAY)
        await world.run_job("advance-signing-keys")
        assert sorted(await states(world)) == ["active", "retiring"]
        await world.run_job("advance-signing-keys")
        assert sorted(await states(world)) == ["active", "retiring"]

    @pytest.mark.any_database
    async def test_a_key_that_has_signed_for_ninety_days_makes_room_by_itself(
        self, world: World
    ) -> None:
        for days, expected in ((88, ["active"]), (1, ["active", "prepared"])):
            await world.advance(days * DAY)
            await world.run_job("rotate-signing-keys")
            assert sorted(await states(world)) == expected
        await world.advance(DAY)
        await world.run_job("advance-signing-keys")
        await world.run_job("rotate-signing-keys")
        assert sorted(await states(world)) == ["active", "retiring"]

    async def test_rc_13_a_rotation_started_by_ten_at_once_makes_one_key(
        self, world: World, admin: Actor
    ) -> None:
        answers = await asyncio.gather(
            *(admin.http.post("/v1/signing-keys:rotate") for _ in range(10))
        )
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert 200 in {answer.status_code for answer in answers}
        assert sorted(await states(world)) == ["active", "prepared"]

    async def test_jk_04_no_token_fails_while_keys_are_rotated_100_times(
        self, world: World, admin: Actor
    ) -> None:
        tokens: list[tuple[str, float]] = []
        for _ in range(100):
            async with world.work() as uow:
                await rotate_keys(uow)
            now = world.clock.now().timestamp()
            tokens.append((await world.token_for(admin.id), now))
            keys = KeySet.from_jwks(await published(world))
            living = [token for token, issued in tokens if now - issued < 3600]
            for token in living:
                verify_access_token(
                    token,
                    keys=keys,
                    expected_issuer=ISSUER,
                    expected_audience=ISSUER,
                    now=now,
                )
            await world.advance(timedelta(minutes=25) if len(tokens) % 3 else DAY)
            await world.runtime.changes.poll()
        assert (await states(world)).count("gone") > 20


class TestTaint:
    async def test_a_tainted_key_and_its_tokens_end_at_once(
        self, world: World, admin: Actor
    ) -> None:
        victim = await signs(world)
        spare = await world.actor(allow("iam:TaintSigningKey", "iam:ListSigningKeys"))
        answer = await spare.http.post(f"/v1/signing-keys/{victim}:taint")
        assert answer.status_code == 200, answer.text
        (key,) = answer.json()["items"]
        assert key["state"] == "active"
        assert await signs(world) == key["kid"] != victim
        keys = await published(world)
        assert [found["kid"] for found in keys["keys"]] == [key["kid"]]
        assert (await admin.http.get("/v1/me")).status_code == 401
        with pytest.raises(TokenInvalid):
            verify_access_token(
                admin.token,
                keys=KeySet.from_jwks(keys),
                expected_issuer=ISSUER,
                expected_audience=ISSUER,
                now=world.clock.now().timestamp(),
            )
        await fresh(world, admin)
        listed = (await admin.http.get("/v1/signing-keys")).json()["items"]
        gone = next(found for found in listed if found["kid"] == victim)
        assert gone["tainted_at"] == gone["gone_at"] == "2026-07-01T12:00:00Z"
        async with world.work() as uow:
            row = await uow.get(SigningKey, victim)
            assert row is not None
            assert row.private_key_sealed is None
        again = await admin.http.post(f"/v1/signing-keys/{victim}:taint")
        assert again.json()["items"] == [key]

    async def test_ten_who_taint_the_active_key_at_once_leave_one(
        self, world: World, admin: Actor
    ) -> None:
        victim = await signs(world)
        actors = [await world.token_for(admin.id) for _ in range(10)]
        url = f"/v1/signing-keys/{victim}:taint"
        answers = await asyncio.gather(*(world.client(token).post(url) for token in actors))
        # Whoever comes late has a token of the tainted key, or finds the work done.
        assert {answer.status_code for answer in answers} <= {200, 401, 409}
        assert sorted(await states(world)) == ["active", "gone"]

    async def test_only_who_may_learns_that_a_key_does_not_exist(
        self, world: World, admin: Actor
    ) -> None:
        nobody = await world.actor()
        for actor, expect in ((admin, 404), (nobody, 403)):
            answer = await actor.http.post("/v1/signing-keys/none:taint")
            assert answer.status_code == expect

    async def test_an_administrator_of_another_account_has_no_say(self, world: World) -> None:
        stranger = await world.administrator(await world.account("other"))
        before = await states(world)
        assert (await stranger.http.get("/v1/signing-keys")).status_code == 403
        for path in ("signing-keys:rotate", f"signing-keys/{await signs(world)}:taint"):
            assert (await stranger.http.post(f"/v1/{path}")).status_code == 403
        assert await states(world) == before


class TestKeySet:
    async def test_jk_01_the_set_shows_public_halves_with_all_that_a_client_needs(
        self, world: World, admin: Actor
    ) -> None:
        await admin.http.post("/v1/signing-keys:rotate")
        answer = await world.http.get("/oauth2/jwks")
        keys = orjson.loads(answer.content)["keys"]
        assert len(keys) == len({key["kid"] for key in keys}) == 2
        for key in keys:
            assert PRIVATE_MEMBERS.isdisjoint(key)
            assert (key["use"], key["alg"], key["kty"]) == ("sig", "ES256", "EC")
        listed = await admin.http.get("/v1/signing-keys")
        assert not {"private_key_sealed", "d"} & set(listed.json()["items"][0])

    async def test_jk_14_who_has_the_set_is_told_so_until_it_changes(
        self, world: World, admin: Actor
    ) -> None:
        first = await world.http.get("/oauth2/jwks", headers={"origin": "https://any.example"})
        assert first.headers["cache-control"] == "public, max-age=300, stale-if-error=86400"
        assert first.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in first.headers
        tag = {"if-none-match": first.headers["etag"]}
        same = await world.http.get("/oauth2/jwks", headers=tag)
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == first.headers["etag"]
        await admin.http.post("/v1/signing-keys:rotate")
        changed = await world.http.get("/oauth2/jwks", headers=tag)
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]

    async def test_lists_are_paged_and_filtered(self, admin: Actor) -> None:
        await admin.http.post("/v1/signing-keys:rotate")
        page = (await admin.http.get("/v1/signing-keys", params={"limit": 1})).json()
        query = {"limit": "1", "cursor": page["next_cursor"]}
        rest = (await admin.http.get("/v1/signing-keys", params=query)).json()
        assert rest["next_cursor"] is None
        assert {page["items"][0]["state"], rest["items"][0]["state"]} == {"active", "prepared"}
        only = await admin.http.get("/v1/signing-keys", params={"state": "prepared"})
        assert [key["state"] for key in only.json()["items"]] == ["prepared"]
