"""The JSON API of webhooks: who may aim what where, and what is never shown."""

from typing import Any

import pytest
from sqlalchemy import select

from iam.features.webhooks.rules import MAX_WEBHOOKS
from iam.journal.events import EventType
from iam.models import AuditEntry, DeliveryChannel, IdempotencyRecord, Webhook
from tests.world import Actor, World, allow

pytestmark = pytest.mark.anyio

ANY = {"If-Match": "*"}
PUBLIC = "https://hooks.example.com/iam"
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def create(actor: Actor, *, expect: int = 201, **members: Any) -> dict[str, Any]:
    body = {"name": "hook", "url": PUBLIC, **members}
    answer = await actor.http.post("/v1/webhooks", json=body)
    assert answer.status_code == expect, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_webhook_is_made_read_listed_changed_and_deleted(
    world: World, admin: Actor
) -> None:
    made = await create(admin, event_types=["iam.user.*"], description="d")
    assert made["signing_secret"].startswith("whsec_")
    assert (made["status"], made["kind"], made["owner_id"]) == ("active", "webhook", admin.id)
    shown = await admin.http.get("/v1/webhooks/HOOK")
    assert shown.json() == {name: made[name] for name in made if name != "signing_secret"}
    assert (await admin.http.get(f"/v1/webhooks/{made['id']}")).json() == shown.json()
    assert (await admin.http.get("/v1/webhooks")).json()["items"] == [shown.json()]
    etag = {"If-Match": shown.headers["etag"]}
    changes = {"event_types": ["*"], "url": "https://other.example.com/"}
    changed = await admin.http.patch("/v1/webhooks/hook", json=changes, headers=etag)
    assert changed.status_code == 200, changed.text
    assert changed.json()["url"] == changes["url"]
    stale = await admin.http.patch("/v1/webhooks/hook", json=changes, headers=etag)
    assert stale.status_code == 412
    assert (await admin.http.delete("/v1/webhooks/hook", headers=ANY)).status_code == 204
    assert (await admin.http.get("/v1/webhooks/hook")).status_code == 404
    types = [entry.type for entry in await world.events()][-3:]
    assert types == [EventType.WEBHOOK_CREATED, EventType.WEBHOOK_UPDATED, "iam.webhook.deleted.v1"]
    async with world.work() as uow:
        (channel,) = await uow.scalars(select(DeliveryChannel))
        assert channel.closed_reason == "endpoint_deleted"


@ON_SQLITE
class TestWhoMay:
    async def test_pe_22_who_may_not_read_events_aims_none_at_anything(
        self, world: World, admin: Actor
    ) -> None:
        blind = await world.actor(allow("iam:*Webhook*"))
        await create(blind, expect=403)
        await create(admin, event_types=["iam.user.created.v1"])
        for changes in ({"url": PUBLIC}, {"event_types": ["*"]}):
            answer = await blind.http.patch("/v1/webhooks/hook", json=changes, headers=ANY)
            assert answer.status_code == 403, changes
        narrower = {"description": "x"}
        answer = await blind.http.patch("/v1/webhooks/hook", json=narrower, headers=ANY)
        assert (answer.status_code, answer.json()["owner_id"]) == (200, admin.id)
        assert (await blind.http.post("/v1/webhooks/hook:disable")).status_code == 200
        assert (await blind.http.post("/v1/webhooks/hook:enable")).status_code == 403

    async def test_pe_22_nor_lets_a_nats_server_take_it_for_somebody_else(
        self, world: World, admin: Actor
    ) -> None:
        await create(admin, kind="nats", url="tls://nats.example.com", secret="u:p")
        blind = await world.actor(allow("iam:*Webhook*"))
        answer = await blind.http.patch("/v1/webhooks/hook", json={"secret": "e:v"}, headers=ANY)
        assert answer.status_code == 403

    async def test_who_aims_it_elsewhere_owns_it(self, world: World, admin: Actor) -> None:
        await create(admin)
        other = await world.actor(allow("iam:UpdateWebhook", "audit:ListEvents"))
        answer = await other.http.patch("/v1/webhooks/hook", json={"url": PUBLIC}, headers=ANY)
        assert answer.json()["owner_id"] == other.id

    async def test_mt_01_a_webhook_is_of_one_account(self, world: World, admin: Actor) -> None:
        await world.account("acme")
        other = await world.administrator("acme")
        made = await create(other)
        for reference in ("hook", made["id"]):
            assert (await admin.http.get(f"/v1/webhooks/{reference}")).status_code == 404
        assert (await admin.http.get("/v1/webhooks")).json()["items"] == []
        await create(admin)


NOT_CALLED = (
    "http://127.0.0.1/", "https://localhost/", "https://0.0.0.0/", "https://[::1]/",
    "https://169.254.169.254/latest", "https://10.0.0.1/", "https://100.64.0.1/",
    "https://metadata.google.internal/", "https://billing/", "https://[fd00::1]/",
    "https://2130706433/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/",
    "gopher://hooks.example.com/", "file:///etc/passwd", "https://u:p@hooks.example.com/",
    "https://hooks.example.com:22/", "https://hooks.example.com/\r\nX-Evil: 1",
    "http://hooks.example.com/",
)  # fmt: skip


@ON_SQLITE
class TestAddresses:
    async def test_wh_01_wh_02_wh_05_wh_06_what_must_not_be_called_is_not_saved(
        self, admin: Actor
    ) -> None:
        for url in NOT_CALLED:
            refused = await create(admin, url=url, expect=400)
            assert refused["code"] == "outbound_refused", url

    async def test_wh_01_the_refusal_names_the_setting(self, admin: Actor) -> None:
        refused = await create(admin, url="https://10.0.0.1/", expect=400)
        assert "IAM_OUTBOUND_ALLOW" in refused["detail"]

    async def test_wh_01_nats_is_judged_by_the_same_rules(self, admin: Actor) -> None:
        for url, code in (
            ("nats://127.0.0.1:4222", "outbound_refused"),
            ("tls://nats.internal", "outbound_refused"),
            ("nats://nats.example.com", "outbound_refused"),
            ("nats://u:p@nats.example.com", "url_invalid"),
            ("https://nats.example.com", "url_invalid"),
            ("tls://nats.example.com:22", "outbound_refused"),
        ):
            refused = await create(admin, kind="nats", url=url, expect=400)
            assert refused["code"] == code, url

    async def test_a_public_nats_server_is_called_over_tls(self, admin: Actor) -> None:
        made = await create(admin, kind="nats", url="tls://nats.example.com", secret="u:p")
        assert made["signing_secret"] is None


@ON_SQLITE
class TestSecrets:
    async def test_sr_01_to_another_nats_server_goes_no_secret_that_was_given_for_the_first(
        self, admin: Actor
    ) -> None:
        await create(admin, kind="nats", url="tls://nats.example.com", secret="u:p")
        change = {"url": "tls://nats.evil.example"}
        refused = await admin.http.patch("/v1/webhooks/hook", json=change, headers=ANY)
        assert (refused.status_code, refused.json()["code"]) == (400, "secret_required")
        for given in ({**change, "secret": "u:q"}, {"url": "tls://nats.evil.example"}):
            taken = await admin.http.patch("/v1/webhooks/hook", json=given, headers=ANY)
            assert taken.status_code == 200, taken.text

    async def test_sr_01_the_secret_is_sealed_and_shown_once(
        self, world: World, admin: Actor
    ) -> None:
        made = await create(admin)
        secret = made["signing_secret"]
        slack = "https://hooks.example.com/services/T0/B0/canary"
        told = await create(admin, name="slack", kind="slack", url=slack)
        assert (told["url"], told["signing_secret"]) == ("https://hooks.example.com/...", None)
        login = await create(admin, name="n", kind="nats", url="tls://n.example.com", secret="u:pw")
        for path in ("/v1/webhooks", "/v1/webhooks/hook", "/v1/audit-events?limit=100"):
            text = (await admin.http.get(path)).text
            assert secret not in text
            assert "canary" not in text
            assert "u:pw" not in text
        assert "u:pw" not in str(login)
        async with world.work() as uow:
            for row in await uow.scalars(select(Webhook)):
                assert b"canary" not in (row.secret_sealed or b"")
                assert secret.encode() not in (row.secret_sealed or b"")
            entries = (await uow.scalars(select(AuditEntry))).all()
            assert secret not in str([(entry.before, entry.after) for entry in entries])

    async def test_a_rotation_keeps_the_old_secret_for_a_day(self, admin: Actor) -> None:
        made = await create(admin)
        answer = await admin.http.post("/v1/webhooks/hook:rotate-secret")
        assert answer.status_code == 200, answer.text
        assert answer.json()["signing_secret"] not in {None, made["signing_secret"]}
        assert answer.json()["previous_secret_until"] == "2026-07-02T12:00:00Z"
        await create(admin, name="s", kind="slack")
        refused = await admin.http.post("/v1/webhooks/s:rotate-secret")
        assert (refused.status_code, refused.json()["code"]) == (400, "webhook_not_signed")

    async def test_a_retry_with_the_same_key_shows_the_same_secret(
        self, world: World, admin: Actor
    ) -> None:
        body, headers = {"name": "hook", "url": PUBLIC}, {"Idempotency-Key": "k"}
        first, second = [
            (await admin.http.post("/v1/webhooks", json=body, headers=headers)).json()
            for _ in range(2)
        ]
        assert first == second
        async with world.work() as uow:
            (kept,) = await uow.scalars(select(IdempotencyRecord))
            assert first["signing_secret"].encode() not in kept.answer_sealed


@ON_SQLITE
class TestRefused:
    async def test_what_makes_no_webhook(self, admin: Actor) -> None:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"event_types": ["iam.nothing.*"]}, "event_types_invalid"),
            ({"event_types": ["iam.*.created.v1"]}, "event_types_invalid"),
            ({"event_types": []}, "event_types_invalid"),
            ({"name": "a/b"}, "name_invalid"),
            ({"secret": "x"}, "secret_refused"),
        )
        for members, code in cases:
            assert (await create(admin, expect=400, **members))["code"] == code, members

    async def test_a_name_is_taken_whatever_its_case(self, admin: Actor) -> None:
        await create(admin)
        assert (await create(admin, name="Hook", expect=409))["code"] == "name_taken"

    async def test_an_account_has_so_many_and_no_more(self, world: World, admin: Actor) -> None:
        made = await create(admin)
        async with world.work() as uow:
            row = await uow.get(Webhook, made["id"])
            assert row is not None
            for number in range(MAX_WEBHOOKS - 1):
                more = Webhook(
                    id=f"whk_{number}", account="main", name=f"w{number}", kind="webhook",
                    url=PUBLIC, event_types=["*"], owner_id=admin.id, created_at=uow.now,
                    updated_at=uow.now,
                )  # fmt: skip
                uow.add(more)
                uow.emit(EventType.WEBHOOK_CREATED, more)
        assert (await create(admin, name="more", expect=409))["code"] == "limit_exceeded"
