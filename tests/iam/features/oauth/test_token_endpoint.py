import asyncio
import logging
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from iam.features.principals.service import set_status
from iam.journal.events import EventType
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import (
    AuditEntry,
    CredentialKind,
    CredentialStatus,
    IssuedToken,
    PrincipalStatus,
    Service,
    ServiceAudience,
)
from iam_sdk.tokens import verify_access_token
from tests.oauth import Client, add_credential, ask, new_client, set_credential, token_of
from tests.world import ISSUER, World, allow, deny

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
BILLING = "https://billing.corp/api"


@pytest.fixture
async def orders(world: World) -> Client:
    return await new_client(world, name="orders")


@pytest.fixture
async def billing(world: World) -> Client:
    return await new_client(world, name="billing", audiences=[BILLING])


async def rows(world: World) -> list[IssuedToken]:
    """The ledger of all tokens that a credential proved."""
    async with world.work() as uow:
        query = select(IssuedToken).where(IssuedToken.credential_id.is_not(None))
        return list((await uow.scalars(query.order_by(IssuedToken.jti))).all())


async def written(world: World) -> tuple[int, int]:
    async with world.work() as uow:
        tokens = await uow.scalar(select(func.count()).select_from(IssuedToken))
        events = await uow.scalar(select(func.count()).select_from(AuditEntry))
    return tokens, events


class TestIssuing:
    @pytest.mark.usefixtures("billing")
    async def test_a_client_gets_a_token_that_anybody_can_verify_and_that_is_in_the_ledger(
        self, world: World, orders: Client
    ) -> None:
        answer = await ask(world, "token", {**GRANT, "resource": BILLING}, basic=orders.basic)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert set(body) == {"access_token", "token_type", "expires_in"}
        token = verify_access_token(
            body["access_token"],
            keys=await world.runtime.keys.get(),
            expected_issuer=ISSUER,
            expected_audience=BILLING,
            now=world.clock.now().timestamp(),
            strict_single_audience=True,
        )
        assert (token.subject, token.client_id) == (orders.id, orders.id)
        assert (token.arn, token.account, token.epoch) == (orders.actor.arn, "main", 1)
        assert token.expires_at - token.issued_at == 3600
        (row,) = await rows(world)
        assert (row.jti, row.principal_id, row.audience) == (token.jti, orders.id, BILLING)
        assert (row.kid, row.credential_id) == (token.key_id, orders.credential_id)
        assert int(row.expires_at.timestamp()) == token.expires_at

    async def test_without_a_resource_the_token_is_good_here(
        self, world: World, orders: Client
    ) -> None:
        for form in ({}, {"resource": ISSUER}):
            token = await token_of(world, orders, **form)
            http = world.client(token)
            assert (await http.get("/v1/users")).status_code == 403  # known, and not allowed

    async def test_a_secret_in_the_body_proves_the_client_too(
        self, world: World, orders: Client
    ) -> None:
        form = {**GRANT, "client_id": orders.id, "client_secret": orders.secret}
        assert (await ask(world, "token", form)).status_code == 200

    async def test_te_14_basic_credentials_are_form_decoded(
        self, world: World, orders: Client
    ) -> None:
        encoded = "".join(f"%{byte:02x}" for byte in orders.secret.encode())
        answer = await ask(world, "token", GRANT, basic=(orders.id, encoded))
        assert answer.status_code == 200, answer.text

    async def test_the_use_of_a_credential_is_recorded(self, world: World, orders: Client) -> None:
        await token_of(world, orders)
        use = world.runtime.uses._waiting[orders.credential_id]
        assert (use.at, use.audience) == (world.clock.now(), ISSUER)

    async def test_many_clients_at_once_each_get_their_own(self, world: World) -> None:
        clients = [await new_client(world) for _ in range(5)]
        tokens = await asyncio.gather(*(token_of(world, one) for one in clients * 8))
        assert len(set(tokens)) == 40
        assert sorted(row.client_id for row in await rows(world)) == sorted(
            client.id for client in clients * 8
        )

    async def test_parameters_nobody_knows_are_ignored(self, world: World, orders: Client) -> None:
        await token_of(world, orders, data="None", nonsense="1")


class TestAudiences:
    async def test_the_arn_of_a_service_is_an_audience(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        await token_of(world, orders, resource=billing.actor.arn)
        await token_of(world, orders, audience=billing.actor.arn)

    @pytest.mark.usefixtures("billing")
    async def test_te_35_an_audience_that_is_no_audience_is_refused(
        self, world: World, orders: Client
    ) -> None:
        for target in (
            "https://unknown.corp", "/relative", "billing", f"{BILLING}#fragment", f"{BILLING} ",
            "https://billing.corp/\x00", f"{BILLING}/", "https://BILLING.corp/api",
            "x:" + "a" * 600, "urn:\N{SNOWMAN}",
        ):  # fmt: skip
            answer = await ask(world, "token", {**GRANT, "resource": target}, basic=orders.basic)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target"), target
        assert not await rows(world)

    async def test_mt_02_an_audience_of_another_account_is_no_audience(
        self, world: World, orders: Client
    ) -> None:
        await world.account("acme")
        theirs = await new_client(world, account="acme", audiences=["https://their.corp"])
        for target in ("https://their.corp", theirs.actor.arn):
            answer = await ask(world, "token", {**GRANT, "resource": target}, basic=orders.basic)
            assert answer.json()["error"] == "invalid_target"

    async def test_te_10_two_targets_are_refused_and_one_said_twice_is_not(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        twice = [*GRANT.items(), ("resource", BILLING), ("audience", BILLING)]
        assert (await ask(world, "token", twice, basic=orders.basic)).status_code == 200
        both = [*GRANT.items(), ("resource", BILLING), ("resource", billing.actor.arn)]
        answer = await ask(world, "token", both, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")

    async def test_a_deny_takes_an_audience_away_and_nothing_else_does(
        self, world: World, billing: Client
    ) -> None:
        ledger = await new_client(world, name="ledger", audiences=["https://ledger.corp"])
        denied = deny("sts:GetServiceBearerToken", on=billing.actor.arn)
        client = await new_client(world, denied)
        await token_of(world, client, resource="https://ledger.corp")
        await token_of(world, client)
        answer = await ask(world, "token", {**GRANT, "resource": BILLING}, basic=client.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
        bounded = await new_client(world, allow("billing:*"))
        await token_of(world, bounded, resource=ledger.actor.arn)

    @pytest.mark.usefixtures("billing")
    async def test_a_deny_can_ask_for_the_audience_and_the_source(self, world: World) -> None:
        for key, value in (("iam:RequestedAudience", BILLING), ("aws:SourceIp", "127.0.0.1")):
            operator = "IpAddress" if "Ip" in key else "StringEquals"
            statement = {
                **deny("sts:GetServiceBearerToken"),
                "Condition": {operator: {key: value}},
            }
            client = await new_client(world, statement)
            answer = await ask(world, "token", {**GRANT, "resource": BILLING}, basic=client.basic)
            assert answer.json()["error"] == "invalid_target", key
        await token_of(world, client, resource=ISSUER)

    async def test_an_audience_that_is_taken_off_a_service_ends_at_once(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        await token_of(world, orders, resource=BILLING)
        async with world.work() as uow:
            row = await uow.get(ServiceAudience, ("main", BILLING))
            assert row is not None
            service = await uow.get(Service, billing.id)
            await uow.delete(row)
            uow.emit(EventType.SERVICE_UPDATED, service)
        answer = await ask(world, "token", {**GRANT, "resource": BILLING}, basic=orders.basic)
        assert answer.json()["error"] == "invalid_target"


@pytest.mark.any_database
class TestForm:
    async def test_te_10_a_repeated_parameter_is_refused(
        self, world: World, orders: Client
    ) -> None:
        for name in ("grant_type", "client_id", "scope", "other"):
            form = [*GRANT.items(), ("client_id", orders.id), ("scope", ""), ("other", "1")]
            form.append((name, dict(form)[name]))
            answer = await ask(world, "token", form, basic=orders.basic)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert not await rows(world)

    async def test_te_10_one_client_named_in_two_ways_is_refused(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        form = {**GRANT, "client_id": billing.id}
        answer = await ask(world, "token", form, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        agreed = {**GRANT, "client_id": orders.id}
        assert (await ask(world, "token", agreed, basic=orders.basic)).status_code == 200

    async def test_a_client_that_proves_itself_twice_is_refused(
        self, world: World, orders: Client
    ) -> None:
        form = {**GRANT, "client_id": orders.id, "client_secret": orders.secret}
        answer = await ask(world, "token", form, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_te_11_parameters_in_the_address_are_refused(
        self, world: World, orders: Client
    ) -> None:
        query = "?grant_type=client_credentials"
        posted = await ask(world, f"token{query}", {}, basic=orders.basic)
        assert (posted.status_code, posted.json()["error"]) == (400, "invalid_request")
        got = await world.http.get(f"/oauth2/token{query}", auth=orders.basic)
        assert (got.status_code, got.headers["allow"]) == (405, "POST")
        assert not await rows(world)

    async def test_te_12_anything_but_a_form_is_refused(self, world: World, orders: Client) -> None:
        for content_type in ("application/json", "text/plain", "multipart/form-data", ""):
            headers = {"Content-Type": content_type}
            answer = await ask(world, "token", GRANT, basic=orders.basic, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_a_form_may_name_its_charset(self, world: World, orders: Client) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        answer = await ask(world, "token", GRANT, basic=orders.basic, headers=headers)
        assert answer.status_code == 200

    async def test_ds_09_too_many_or_too_large_fields_are_refused(
        self, world: World, orders: Client
    ) -> None:
        many = {**GRANT, **{f"field{n}": "1" for n in range(1001)}}
        answer = await ask(world, "token", many, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        large = await ask(world, "token", {**GRANT, "a": "x" * 70_000}, basic=orders.basic)
        assert large.status_code == 413

    async def test_what_is_not_utf_8_is_refused(self, world: World, orders: Client) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for body in (b"grant_type=%ff", b"grant_type=\xff", b"\xc3(=1"):
            answer = await world.http.post(
                "/oauth2/token", content=body, headers=headers, auth=orders.basic
            )
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_te_21_other_grants_are_not_supported(self, world: World, orders: Client) -> None:
        grants = ("password", "implicit", "authorization_code", "Client_Credentials", "")
        for form in ({}, *({"grant_type": grant} for grant in grants)):
            answer = await ask(world, "token", form, basic=orders.basic)
            assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    async def test_te_20_a_service_gets_no_scopes(self, world: World, orders: Client) -> None:
        for scope in ("openid", "offline_access", "a b", "a  b", '"', "é", " "):
            answer = await ask(world, "token", {**GRANT, "scope": scope}, basic=orders.basic)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
        assert not await rows(world)


class TestClients:
    async def test_te_13_whatever_is_wrong_the_answer_is_the_same(
        self, world: World, orders: Client, billing: Client
    ) -> None:
        revoked, expired, disabled = [await new_client(world) for _ in range(3)]
        for client in (revoked, expired, disabled):
            await token_of(world, client)  # they are in memory now
        await set_credential(world, revoked.credential_id, status=CredentialStatus.REVOKED)
        await set_credential(world, expired.credential_id, expires_at=world.clock.now())
        async with world.work() as uow:
            await set_status(uow, Service, disabled.id, status=PrincipalStatus.DISABLED)
        unknown = mint_secret(SecretKind.CLIENT_SECRET).text
        before = await written(world)
        answers = [
            await ask(world, "token", GRANT, basic=basic)
            for basic in (
                (orders.id, unknown),
                (orders.id, "not a secret"),
                ("svc_unknown", unknown),
                (billing.id, orders.secret),
                (orders.actor.arn, orders.secret),
                (orders.actor.name, orders.secret),
                (orders.id.upper(), orders.secret),
                revoked.basic,
                expired.basic,
                disabled.basic,
            )
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        assert answers[0].json()["error"] == "invalid_client"
        for answer in answers:
            assert answer.headers["www-authenticate"].startswith("Basic ")
        assert await written(world) == before

    async def test_the_challenge_is_only_for_who_used_the_header(
        self, world: World, orders: Client
    ) -> None:
        form = {**GRANT, "client_id": orders.id, "client_secret": "wrong"}
        answer = await ask(world, "token", form)
        assert answer.status_code == 401
        assert "www-authenticate" not in answer.headers

    async def test_a_header_that_proves_nothing_is_refused(self, world: World) -> None:
        for authorization in (
            b"Basic", b"Basic ", b"Basic %%%", b"Basic bm9jb2xvbg==", b"Basic \xe9", b"Bearer abc",
            b"Digest x",
        ):  # fmt: skip
            headers = {"Authorization": authorization}
            answer = await ask(world, "token", GRANT, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert "www-authenticate" in answer.headers

    async def test_te_20_a_public_client_gets_nothing(self, world: World, orders: Client) -> None:
        empty = b64encode(f"{orders.id}:".encode()).decode()
        for form, headers in (
            ({**GRANT, "client_id": orders.id}, {}),
            (GRANT, {"Authorization": f"Basic {empty}"}),
            (GRANT, {}),
        ):
            answer = await ask(world, "token", form, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    async def test_lg_01_a_secret_in_the_wrong_field_is_neither_answered_nor_logged(
        self, world: World, orders: Client, capsys: Any, caplog: Any
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for basic in ((orders.secret, orders.secret), (orders.id, orders.secret + "x")):
            answer = await ask(world, "token", {**GRANT, "other": orders.secret}, basic=basic)
            assert orders.secret not in answer.text
        await token_of(world, orders)
        seen = capsys.readouterr()
        assert orders.secret not in seen.out + seen.err + caplog.text

    async def test_one_revoked_secret_of_two_leaves_the_other(
        self, world: World, orders: Client
    ) -> None:
        second = mint_secret(SecretKind.CLIENT_SECRET)
        await add_credential(
            world, orders.actor, kind=CredentialKind.CLIENT_SECRET, secret_hash=second.hash
        )
        await set_credential(world, orders.credential_id, status=CredentialStatus.REVOKED)
        assert (await ask(world, "token", GRANT, basic=orders.basic)).status_code == 401
        assert (await ask(world, "token", GRANT, basic=(orders.id, second.text))).status_code == 200

    async def test_the_ledger_refuses_what_memory_still_believes(
        self, world: World, orders: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await token_of(world, orders)
        monkeypatch.setattr(world.runtime.changes, "apply", lambda _: None)
        async with world.work() as uow:
            await set_status(uow, Service, orders.id, status=PrincipalStatus.DISABLED)
        answer = await ask(world, "token", GRANT, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert len(await rows(world)) == 1


class TestAnswers:
    async def test_te_29_no_answer_may_be_kept(self, world: World, orders: Client) -> None:
        answers = [
            await ask(world, "token", GRANT, basic=orders.basic),
            await ask(world, "token", {}, basic=orders.basic),
            await ask(world, "token", GRANT, basic=(orders.id, "wrong")),
            await world.http.get("/oauth2/token"),
        ]
        assert [answer.status_code for answer in answers] == [200, 400, 401, 405]
        for answer in answers:
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["pragma"] == "no-cache"
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "set-cookie" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers

    async def test_a_replica_that_lost_sight_of_the_database_does_not_trust_its_memory(
        self, world: World, orders: Client
    ) -> None:
        await token_of(world, orders)
        await world.runtime.changes.stop()
        world.clock.advance(timedelta(seconds=6))
        answer = await ask(world, "token", GRANT, basic=orders.basic)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["retry-after"] == "1"
        await world.runtime.changes.poll()
        await token_of(world, orders)
