import asyncio
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm
from sqlalchemy import select

from iam.models import Credential, CredentialKind, IssuedToken, OneTimeId
from iam_sdk.client_auth import ASSERTION_TYPE, ClientKey
from iam_sdk.encoding import b64url_encode, encode_json_segment
from tests.oauth import Client, add_key, ask, assertion_form, new_client, set_credential
from tests.world import ISSUER, Actor, World, open_world

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
ENDPOINT = f"{ISSUER}/oauth2/token"


@pytest.fixture
async def orders(world: World) -> Actor:
    return await world.actor(name="orders")


@pytest.fixture
async def key(world: World, orders: Actor) -> ClientKey:
    return await add_key(world, orders)


def claims_of(world: World, client_id: str, **changes: Any) -> dict[str, Any]:
    now = int(world.clock.now().timestamp())
    claims = {
        "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": "one", "iat": now,
        "exp": now + 60, **changes,
    }  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def signed(key: ClientKey, claims: dict[str, Any], **header: Any) -> str:
    """An assertion that says whatever a test wants it to say."""
    head = {"alg": key.alg, "kid": key.kid, **header}
    text = f"{encode_json_segment(head)}.{encode_json_segment(claims)}"
    if head["alg"] == "none":
        return f"{text}."
    if head["alg"] == "HS256":
        public = key.private_key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return f"{text}.{b64url_encode(hmac.digest(public, text.encode(), hashlib.sha256))}"
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(text.encode(), key.private_key)
    return f"{text}.{b64url_encode(signature)}"


async def answer_to(world: World, assertion: str, **form: str) -> tuple[int, str | None]:
    fields = {**GRANT, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    answer = await ask(world, "token", {**fields, **form})
    return answer.status_code, answer.json().get("error")


class TestAccepted:
    async def test_an_assertion_proves_its_client(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        for audience in (ISSUER, ENDPOINT):
            form = {**GRANT, **assertion_form(world, key, orders.id, audience=audience)}
            answer = await ask(world, "token", form)
            assert answer.status_code == 200, answer.text
        form = {**GRANT, **assertion_form(world, key, orders.id), "client_id": orders.id}
        assert (await ask(world, "token", form)).status_code == 200
        async with world.work() as uow:
            (used,) = set(await uow.scalars(select(OneTimeId.kind)))
            tokens = await uow.scalars(
                select(IssuedToken).where(IssuedToken.credential_id.is_not(None))
            )
            assert {token.principal_id for token in tokens} == {orders.id}
        assert used == "client_assertion"

    async def test_a_jti_of_any_form_is_taken(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        for jti in ("\x00", "'; --", "é" * 200, "x" * 255, "a:b"):
            assertion = signed(key, claims_of(world, orders.id, jti=jti))
            assert await answer_to(world, assertion) == (200, None)
            assert await answer_to(world, assertion) == (401, "invalid_client")

    async def test_te_17_a_far_expiry_counts_until_five_minutes_after_the_issue(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        now = int(world.clock.now().timestamp())
        far = {"exp": now + 10 * 365 * 86400}
        old = signed(key, claims_of(world, orders.id, iat=now - 400, **far))
        assert await answer_to(world, old) == (401, "invalid_client")
        assert await answer_to(world, signed(key, claims_of(world, orders.id, **far))) == (
            200,
            None,
        )
        async with world.work() as uow:
            (until,) = await uow.scalars(select(OneTimeId.expires_at))
        assert 300 <= (until - world.clock.now()).total_seconds() <= 360

    @pytest.mark.parametrize(
        "instant", ["2028-02-29T23:59:59", "2038-01-19T03:14:07", "2100-02-28T23:59:59"]
    )
    async def test_ck_04_a_token_outlives_the_turn_of_any_calendar(
        self, world: World, orders: Actor, key: ClientKey, instant: str
    ) -> None:
        now = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        await world.advance(now - world.clock.now())
        form = {**GRANT, **assertion_form(world, key, orders.id), "resource": ISSUER}
        answer = await ask(world, "token", form)
        assert answer.status_code == 200, answer.text
        await world.advance(timedelta(seconds=2))
        async with world.client(answer.json()["access_token"]) as http:
            assert (await http.get("/v1/me")).status_code == 200
            await world.advance(timedelta(hours=2))
            assert (await http.get("/v1/me")).status_code == 401
        async with world.work() as uow:
            query = select(IssuedToken.expires_at).where(IssuedToken.credential_id.is_not(None))
            (until,) = await uow.scalars(query)
        assert timedelta(minutes=5) <= until - now <= timedelta(hours=1)


class TestRefused:
    async def test_te_16_an_assertion_counts_once_on_whichever_endpoint(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        form = assertion_form(world, key, orders.id)
        statuses = [
            (await ask(world, "introspect", {**form, "token": "x"})).status_code,
            (await ask(world, "introspect", {**form, "token": "x"})).status_code,
            (await ask(world, "revoke", {**form, "token": "x"})).status_code,
            (await ask(world, "token", {**form, **GRANT})).status_code,
        ]
        assert statuses == [200, 401, 401, 401]

    async def test_rc_05_of_50_at_once_with_one_assertion_exactly_one_gets_a_token(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        form = {**GRANT, **assertion_form(world, key, orders.id)}
        answers = await asyncio.gather(*(ask(world, "token", form) for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [200, *[401] * 49]
        assert {answer.json().get("error") for answer in answers} == {None, "invalid_client"}
        async with world.work() as uow:
            query = select(IssuedToken).where(IssuedToken.credential_id.is_not(None))
            assert len((await uow.scalars(query)).all()) == 1

    async def test_one_client_cannot_use_up_the_ids_of_another(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        other = await world.actor()
        its_key = await add_key(world, other)
        for holder, mine in ((orders, key), (other, its_key)):
            form = {**GRANT, **assertion_form(world, mine, holder.id, jti="same")}
            assert (await ask(world, "token", form)).status_code == 200

    async def test_te_15_a_client_with_a_key_has_no_secret(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        other = await new_client(world)
        assertion = assertion_form(world, key, orders.id)["client_assertion"]
        for secret in (other.secret, assertion, key.kid):
            form = {**GRANT, "client_id": orders.id, "client_secret": secret}
            for basic in (None, (orders.id, secret)):
                answer = await ask(world, "token", GRANT if basic else form, basic=basic)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.any_database
    async def test_te_17_a_claim_that_is_missing_or_wrong_is_refused(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        now = int(world.clock.now().timestamp())
        wrong: list[dict[str, Any]] = [
            *({name: None} for name in ("exp", "jti", "sub", "iss", "aud", "iat")),
            {"iss": "other"}, {"sub": "other"}, {"exp": now - 31}, {"iat": now + 61},
            {"nbf": now + 61}, {"exp": str(now + 60)}, {"jti": 7}, {"jti": ""},
        ]  # fmt: skip
        for changes in wrong:
            assertion = signed(key, claims_of(world, orders.id, **changes))
            assert await answer_to(world, assertion) == (401, "invalid_client"), changes

    async def test_te_17_how_long_a_far_expiry_counts_is_for_the_operator_to_set(
        self, database_url: str, tmp_path: Path
    ) -> None:
        tokens = {"assertion_max_age": timedelta(seconds=60)}
        async with open_world(database_url, tmp_path, tokens=tokens) as world:
            orders = await world.actor(name="orders")
            key = await add_key(world, orders)
            now = int(world.clock.now().timestamp())
            for age, answer in ((89, (200, None)), (90, (401, "invalid_client"))):
                times = {"iat": now - age, "exp": now + 3_600, "jti": f"aged {age}"}
                assertion = signed(key, claims_of(world, orders.id, **times))
                assert await answer_to(world, assertion) == answer

    @pytest.mark.any_database
    async def test_te_18_only_a_registered_key_with_its_own_algorithm_counts(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        foreign = ClientKey(key.alg, key.kid, ec.generate_private_key(ec.SECP256R1()))
        jwk: Any = ECAlgorithm.to_jwk(foreign.private_key.public_key(), as_dict=True)
        claims = claims_of(world, orders.id)
        for assertion in (
            signed(key, claims, alg="none"),
            signed(key, claims, alg="HS256"),
            signed(key, claims, alg="RS256"),
            signed(foreign, claims),
            signed(foreign, claims, jwk=jwk),
            signed(key, claims, kid="unknown"),
            signed(key, claims, typ="at+jwt"),
            "a.b.c",
            "nonsense",
            json.dumps(claims),
        ):
            assert await answer_to(world, assertion) == (401, "invalid_client")

    @pytest.mark.any_database
    async def test_te_19_an_assertion_for_somebody_else_is_refused(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        audiences: tuple[Any, ...] = (
            "https://other.corp", [ISSUER, "https://other.corp"], f"{ISSUER}/oauth2/par",
            f"{ISSUER}/", [], {}, "",
        )  # fmt: skip
        for audience in audiences:
            assertion = signed(key, claims_of(world, orders.id, aud=audience))
            assert await answer_to(world, assertion) == (401, "invalid_client"), audience

    async def test_the_key_of_another_client_does_not_count(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        other: Client = await new_client(world)
        assertion = signed(key, claims_of(world, other.id))
        assert await answer_to(world, assertion) == (401, "invalid_client")
        mine = signed(key, claims_of(world, orders.id))
        assert await answer_to(world, mine, client_id=other.id) == (401, "invalid_client")

    @pytest.mark.any_database
    async def test_the_type_of_the_assertion_must_be_said(
        self, world: World, orders: Actor, key: ClientKey
    ) -> None:
        form = assertion_form(world, key, orders.id)
        for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"):
            answer = await ask(world, "token", {**GRANT, **form, "client_assertion_type": kind})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_a_key_whose_credential_is_over_does_not_count(
        self, world: World, orders: Actor
    ) -> None:
        key = await add_key(world, orders)
        form = {**GRANT, **assertion_form(world, key, orders.id)}
        assert (await ask(world, "token", form)).status_code == 200
        async with world.work() as uow:
            query = select(Credential.id).where(Credential.kind == CredentialKind.PUBLIC_KEY)
            credential_id = await uow.scalar(query)
        await set_credential(world, credential_id, expires_at=world.clock.now())
        form = {**GRANT, **assertion_form(world, key, orders.id)}
        assert (await ask(world, "token", form)).status_code == 401
