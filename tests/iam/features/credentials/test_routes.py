import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import select

from iam.authz.gather import gather
from iam.features.signing_keys.rules import Purpose
from iam.features.tokens.service import issue_access_token
from iam.kit.ids import IdKind, new_id
from iam.kit.secrets import SecretKind, is_secret
from iam.models import Credential, IdempotencyRecord
from tests.world import ISSUER, NOON, Actor, World, allow

pytestmark = pytest.mark.anyio

ACCESS = "arn:iam:iam::main:service/"


async def create(
    http: httpx2.AsyncClient, service: str = "billing", *, expect: int = 201, **body: Any
) -> dict[str, Any]:
    body = {"kind": "client_secret", **body}
    answer = await http.post(f"/v1/services/{service}/credentials", json=body)
    assert answer.status_code == expect, answer.text
    found: dict[str, Any] = answer.json()
    return found


def public_jwk(**members: object) -> dict[str, object]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    found: dict[str, object] = ECAlgorithm.to_jwk(public, as_dict=True)
    return {**found, "alg": "ES256", **members}


async def token_by(world: World, principal: Actor, credential_id: str) -> str:
    signer = await world.signers.get(Purpose.ACCESS_TOKEN)
    async with world.work() as uow:
        facts = await gather(uow, principal.id, partition="iam")
        assert facts is not None
        return await issue_access_token(
            uow,
            signer=signer,
            principal=facts,
            audience=ISSUER,
            ttl=timedelta(hours=1),
            credential_id=credential_id,
        )


class TestClientSecret:
    async def test_sr_01_a_secret_is_shown_once_and_kept_nowhere(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        made = await create(admin.http)
        secret = made["client_secret"]
        assert is_secret(secret, SecretKind.CLIENT_SECRET)
        assert made["client_id"] == made["principal_id"] == billing.id
        assert made["holder"] == billing.arn
        assert secret.startswith(made["hint"])
        assert len(made["hint"]) == 12
        read = await admin.http.get(f"/v1/credentials/{made['id']}")
        listed = await admin.http.get("/v1/credentials")
        log = orjson.dumps([[e.before, e.after, e.detail] for e in await world.events()])
        async with world.work() as uow:
            row = await uow.get(Credential, made["id"])
        assert row is not None
        assert row.secret_hash == hashlib.sha256(secret.encode()).digest()
        for shown in (read.content, listed.content, log):
            assert secret.encode() not in shown
            assert row.secret_hash.hex().encode() not in shown
        assert {"client_secret", "secret_hash"}.isdisjoint(read.json())

    async def test_without_a_wish_it_lives_72_to_90_days(self, world: World, admin: Actor) -> None:
        await world.actor(name="billing")
        await create(admin.http)
        await create(admin.http)
        async with world.work() as uow:
            ends = (await uow.scalars(select(Credential.expires_at))).all()
        lives = [end - NOON for end in ends]
        assert all(timedelta(days=72) <= life <= timedelta(days=90) for life in lives)
        assert lives[0] != lives[1]

    async def test_an_expiry_can_be_asked_for_within_bounds(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        made = await create(admin.http, expires_at="2026-07-02T14:00:00+02:00")
        assert made["expires_at"] == "2026-07-02T12:00:00Z"
        for wrong, expect in (
            ("2026-07-01T12:00:00Z", 400),
            ("2027-07-02T12:00:00Z", 400),
            ("2026-07-02T12:00:00", 422),
            ("9999-12-31T23:59:59-14:00", 422),
            (1782993600, 422),
        ):
            await create(admin.http, expires_at=wrong, expect=expect)

    async def test_rc_08_of_50_at_once_exactly_two_succeed(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        body = {"kind": "client_secret"}
        post = admin.http.post
        answers = await asyncio.gather(
            *(post("/v1/services/billing/credentials", json=body) for _ in range(50))
        )
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201, 201, *[409] * 48]
        refused = next(answer.json() for answer in answers if answer.status_code == 409)
        assert refused["code"] == "too_many_credentials"
        async with world.work() as uow:
            query = select(Credential.id).where(Credential.principal_id == billing.id)
            assert len((await uow.scalars(query)).all()) == 2

    async def test_an_ended_secret_makes_room_and_a_reactivated_one_needs_it(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        first = await create(admin.http, expires_at="2026-07-02T12:00:00Z")
        second = await create(admin.http)
        await admin.http.post(f"/v1/credentials/{second['id']}:quarantine")
        await create(admin.http)
        full = await admin.http.post(f"/v1/credentials/{second['id']}:reactivate")
        assert (full.status_code, full.json()["code"]) == (409, "too_many_credentials")
        await world.advance(timedelta(days=1))
        admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
        expired = await admin.http.get(f"/v1/credentials/{first['id']}")
        assert expired.json()["status"] == "expired"
        back = await admin.http.post(f"/v1/credentials/{second['id']}:reactivate")
        assert back.json()["status"] == "active"

    async def test_a_repeated_request_shows_the_same_secret_and_keeps_it_sealed(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        headers = {"idempotency-key": "once"}
        body = {"kind": "client_secret"}
        url = "/v1/services/billing/credentials"
        first = await admin.http.post(url, json=body, headers=headers)
        again = await admin.http.post(url, json=body, headers=headers)
        assert again.json() == first.json()
        async with world.work() as uow:
            record = await uow.scalar(select(IdempotencyRecord))
            secret = first.json()["client_secret"].encode()
            for column in IdempotencyRecord.__table__.columns:
                assert secret not in repr(getattr(record, column.key)).encode()


class TestKeys:
    async def test_a_public_key_is_registered_once_and_without_expiry(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        jwk = public_jwk(kid="k1")
        made = await create(admin.http, kind="public_key", public_jwk=jwk)
        assert made["public_jwk"] == {**jwk, "use": "sig"}
        assert (made["expires_at"], made["client_secret"], made["hint"]) == (None, None, None)
        again = await create(admin.http, kind="public_key", public_jwk=jwk, expect=409)
        assert again["code"] == "key_id_taken"

    async def test_a_private_key_is_refused_and_not_repeated(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        jwk = public_jwk(d="cHJpdmF0ZS1wcml2YXRl")
        refused = await create(admin.http, kind="public_key", public_jwk=jwk, expect=400)
        assert refused["code"] == "private_key_refused"
        assert "cHJpdmF0ZS1wcml2YXRl" not in str(refused)

    @pytest.mark.parametrize(
        "url",
        [
            "file:///etc/passwd",
            "http://keys.example/jwks",
            "https://10.0.0.1/jwks",
            "https://169.254.169.254/latest",
            "https://localhost/jwks",
        ],
    )
    async def test_jk_12_an_address_we_must_not_call_is_refused_when_it_is_saved(
        self, world: World, admin: Actor, url: str
    ) -> None:
        await world.actor(name="billing")
        refused = await create(admin.http, kind="jwks_uri", jwks_uri=url, expect=400)
        assert refused["code"] == "outbound_refused"

    async def test_an_address_of_keys_is_saved_without_calling_it(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        url = "https://keys.nowhere.example/jwks"
        made = await create(admin.http, kind="jwks_uri", jwks_uri=url)
        assert (made["jwks_uri"], made["status"]) == (url, "active")

    async def test_kinds_do_not_mix_their_members(self, world: World, admin: Actor) -> None:
        await world.actor(name="billing")
        await create(admin.http, jwks_uri="https://keys.example/jwks", expect=422)
        await create(admin.http, kind="public_key", expect=422)
        await create(admin.http, kind="password", expect=422)


class TestChanging:
    async def test_an_expiry_comes_earlier_but_never_later(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        made = await create(admin.http, expires_at="2026-07-10T12:00:00Z")
        url, any_version = f"/v1/credentials/{made['id']}", {"if-match": "*"}
        patch = {"expires_at": "2026-07-05T12:00:00Z", "description": "leaving"}
        unseen = await admin.http.patch(url, json=patch)
        assert unseen.status_code == 428
        done = await admin.http.patch(url, json=patch, headers={"if-match": '"1"'})
        assert done.json()["expires_at"] == "2026-07-05T12:00:00Z"
        assert done.headers["etag"] == '"2"'
        for later in ("2026-07-06T12:00:00Z", None):
            answer = await admin.http.patch(url, json={"expires_at": later}, headers=any_version)
            assert answer.json()["code"] == "expiry_prolonged"

    async def test_revoking_is_final_and_may_be_repeated(self, world: World, admin: Actor) -> None:
        await world.actor(name="billing")
        made = await create(admin.http)
        url = f"/v1/credentials/{made['id']}"
        first = await admin.http.post(f"{url}:revoke")
        again = await admin.http.post(f"{url}:revoke")
        assert first.json() == again.json()
        assert first.json()["status"] == "revoked"
        for verb in ("quarantine", "reactivate"):
            refused = await admin.http.post(f"{url}:{verb}")
            assert (refused.status_code, refused.json()["code"]) == (409, "credential_revoked")
        headers = {"if-match": "*"}
        patched = await admin.http.patch(url, json={"description": "x"}, headers=headers)
        assert patched.status_code == 409
        types = [entry.type for entry in await world.events() if entry.target_id == made["id"]]
        assert types == ["iam.credential.created.v1", "iam.credential.revoked.v1"]

    async def test_ten_who_revoke_at_once_all_succeed_with_one_event(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        made = await create(admin.http)
        url = f"/v1/credentials/{made['id']}:revoke"
        answers = await asyncio.gather(*(admin.http.post(url) for _ in range(10)))
        assert [answer.status_code for answer in answers] == [200] * 10
        types = [entry.type for entry in await world.events() if entry.target_id == made["id"]]
        assert types.count("iam.credential.revoked.v1") == 1

    async def test_what_was_issued_with_a_credential_ends_with_it(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(allow("iam:GetService"), name="billing")
        made, other = await create(admin.http), await create(admin.http)
        mine = world.client(await token_by(world, billing, made["id"]))
        others = world.client(await token_by(world, billing, other["id"]))
        url = f"/v1/credentials/{made['id']}"

        async def statuses() -> tuple[int, int]:
            # Refused for want of permission: the caller was recognised.
            tried = [await http.get(url) for http in (mine, others)]
            return tried[0].status_code, tried[1].status_code

        assert await statuses() == (403, 403)
        await admin.http.post(f"{url}:quarantine")
        assert await statuses() == (401, 403)
        await admin.http.post(f"{url}:reactivate")
        assert await statuses() == (403, 403)
        await admin.http.post(f"{url}:revoke")
        assert await statuses() == (401, 403)


class TestPermission:
    async def test_pe_03_who_may_make_credentials_of_one_service_may_not_for_a_stronger_one(
        self, world: World
    ) -> None:
        await world.actor(name="weak")
        await world.actor(allow("*"), name="strong")
        deputy = await world.actor(allow("iam:CreateCredential", on=f"{ACCESS}weak"))
        await create(deputy.http, "weak")
        refused = await create(deputy.http, "strong", expect=403)
        assert refused["decision_id"].startswith("dec_")
        hidden = await create(deputy.http, "nobody", expect=403)
        assert hidden["code"] == refused["code"]

    async def test_a_policy_can_tell_kinds_of_credentials_apart(self, world: World) -> None:
        await world.actor(name="billing")
        only_keys = {
            **allow("iam:CreateCredential"),
            "Condition": {"StringEquals": {"iam:CredentialKind": "public_key"}},
        }
        deputy = await world.actor(only_keys)
        await create(deputy.http, kind="public_key", public_jwk=public_jwk())
        await create(deputy.http, expect=403)

    async def test_reading_and_ending_are_judged_by_the_holder(
        self, world: World, admin: Actor
    ) -> None:
        await world.actor(name="billing")
        await world.actor(name="orders")
        mine, foreign = await create(admin.http), await create(admin.http, "orders")
        deputy = await world.actor(
            allow("iam:GetCredential", "iam:RevokeCredential", on=f"{ACCESS}billing")
        )
        for made, expect in ((mine, 200), (foreign, 403)):
            url = f"/v1/credentials/{made['id']}"
            assert (await deputy.http.get(url)).status_code == expect
            assert (await deputy.http.post(f"{url}:revoke")).status_code == expect
        assert (await deputy.http.get("/v1/credentials/crd_none")).status_code == 403
        assert (await admin.http.get("/v1/credentials/crd_none")).status_code == 404

    async def test_mt_05_who_is_refused_learns_neither_the_holder_nor_whether_there_is_one(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        nobody = await world.actor(name="nobody")
        made = (await create(admin.http))["id"]
        unknown = new_id(IdKind.CREDENTIAL, world.clock.now())
        texts = []
        for found in (made, unknown):
            url = f"/v1/credentials/{found}"
            for answer in (
                await nobody.http.get(url),
                await nobody.http.patch(url, json={}, headers={"If-Match": "*"}),
                await nobody.http.post(f"{url}:revoke"),
            ):
                assert answer.status_code == 403
                assert billing.id not in answer.text
                assert "billing" not in answer.text
                texts.append(answer.json()["detail"].replace(found, "ID"))
        assert texts[:3] == texts[3:]
        # Whoever reads the audit log sees whose it was.
        await world.runtime.tools.denials.flush()
        denied = [entry.subject for entry in await world.events() if entry.outcome == "denied"]
        assert denied[:3] == [billing.arn] * 3

    async def test_another_account_sees_nothing(self, world: World, admin: Actor) -> None:
        await world.actor(name="billing")
        made = await create(admin.http)
        stranger = await world.administrator(await world.account("other"))
        assert (await stranger.http.get(f"/v1/credentials/{made['id']}")).status_code == 404
        assert (await stranger.http.get("/v1/credentials")).json()["items"] == []


class TestListing:
    async def test_mt_01_another_accounts_arn_names_nobody_here(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        elsewhere = billing.arn.replace("::main:", "::acme:")
        answer = await admin.http.get("/v1/credentials", params={"principal": elsewhere})
        assert (answer.status_code, answer.json()["code"]) == (400, "principal_invalid")

    async def test_lists_are_filtered_and_paged(self, world: World, admin: Actor) -> None:
        billing = await world.actor(name="billing")
        await world.actor(name="orders")
        soon = await create(admin.http, expires_at="2026-07-11T12:00:00Z")
        late = await create(admin.http, "orders", expires_at="2026-09-11T12:00:00Z")
        key = await create(admin.http, kind="public_key", public_jwk=public_jwk())
        gone = await create(admin.http, "orders", expires_at="2026-07-11T12:00:00Z")
        await admin.http.post(f"/v1/credentials/{gone['id']}:revoke")

        async def ids(**query: str) -> list[str]:
            answer = await admin.http.get("/v1/credentials", params=query)
            assert answer.status_code == 200, answer.text
            return [item["id"] for item in answer.json()["items"]]

        every = [soon["id"], late["id"], key["id"], gone["id"]]
        assert await ids() == every
        assert await ids(expiring="30d") == [soon["id"]]
        assert await ids(kind="public_key") == [key["id"]]
        assert await ids(status="revoked") == [gone["id"]]
        for reference in ("billing", "service/billing", billing.arn, billing.id):
            assert await ids(principal=reference) == [soon["id"], key["id"]]
        paged, query = [], {"limit": "3"}
        while True:
            page = (await admin.http.get("/v1/credentials", params=query)).json()
            paged += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query = {"limit": "3", "cursor": page["next_cursor"]}
        assert paged == every

    async def test_what_makes_no_sense_is_refused(self, admin: Actor) -> None:
        for query, expect in (
            ({"expiring": "soon"}, 400),
            ({"principal": "group/administrators"}, 400),
            ({"principal": "service/none"}, 404),
            ({"status": "ill"}, 422),
        ):
            answer = await admin.http.get("/v1/credentials", params=query)
            assert answer.status_code == expect, answer.text

    async def test_the_status_in_a_query_agrees_with_the_status_shown(
        self, world: World, admin: Actor
    ) -> None:
        for number, verb in enumerate(("", "quarantine", "revoke")):
            name = f"service-{number}"
            await world.actor(name=name)
            for expires_at in ("2026-07-02T12:00:00Z", "2026-08-02T12:00:00Z"):
                made = await create(admin.http, name, expires_at=expires_at)
                if verb:
                    await admin.http.post(f"/v1/credentials/{made['id']}:{verb}")
        await world.advance(timedelta(days=1))
        admin.http.headers["authorization"] = f"Bearer {await world.token_for(admin.id)}"
        found = 0
        for status in ("active", "quarantined", "expired", "revoked"):
            answer = await admin.http.get("/v1/credentials", params={"status": status})
            items = answer.json()["items"]
            assert {item["status"] for item in items} == {status}
            found += len(items)
        assert found == 6
