"""Mail leaves by real SMTP servers: by the first that takes it, once, or not at all."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select

from iam.features.deliveries.jobs import Pump
from iam.features.deliveries.rules import RETRIES
from iam.features.mail.jobs import carrier
from iam.models import Mail, MailRoute
from tests import world as worlds
from tests.world import Actor, World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]
PASSWORD = "smtp-password-canary"


@dataclass
class Server:
    """An SMTP server that remembers what it took."""

    port: int = 0
    refusal: str | None = None
    taken: list[Envelope] = field(default_factory=list)
    logins: list[LoginPassword] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 -- the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        if self.refusal is not None:
            return self.refusal
        self.taken.append(envelope)
        return "250 OK"

    def authenticate(self, *arguments: Any) -> AuthResult:
        """Take any password, and remember it."""
        self.logins.append(arguments[-1])
        return AuthResult(success=True)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    kept = Server()

    def protocol() -> SMTP:
        return SMTP(kept, authenticator=kept.authenticate, auth_require_tls=False, hostname="x")

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A running installation that may call loopback."""
    allow = ("127.0.0.0/8",)
    async with worlds.open_world(database_url, tmp_path, outbound_allow=allow) as opened:
        yield opened


@pytest.fixture
async def first() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def second() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


async def route(admin: Actor, server: Server, name: str, **members: Any) -> None:
    body = {
        "name": name,
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "iam@shop.example",
        **members,
    }
    answer = await admin.http.post("/v1/mail-routes", json=body)
    assert answer.status_code == 201, answer.text
    assert PASSWORD not in answer.text


async def send(admin: Actor, to: str = "ana@shop.example") -> str:
    answer = await admin.http.post("/v1/mail:test", json={"to": to})
    assert answer.status_code == 200, answer.text
    mail_id: str = answer.json()["id"]
    return mail_id


async def pump(world: World) -> None:
    await Pump(world.runtime, [carrier(world.runtime)], per_second=math.inf).settle()


async def became(admin: Actor) -> list[dict[str, Any]]:
    answer = await admin.http.get("/v1/mail-deliveries")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_mail_arrives_with_both_texts(world: World, admin: Actor, first: Server) -> None:
    await route(admin, first, "first", username="iam", password=PASSWORD)
    mail_id = await send(admin)
    assert first.taken == []  # nothing leaves before the commit
    await pump(world)
    (envelope,) = first.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("iam@shop.example", ["ana@shop.example"])
    message = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]  # bytes
    assert message["Message-ID"] == f"<{mail_id}@localhost>"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [(login.login, login.password) for login in first.logins] == [
        (b"iam", PASSWORD.encode())
    ]
    (delivery,) = await became(admin)
    assert (delivery["state"], delivery["last_status"], delivery["mail_id"]) == (
        "delivered",
        250,
        mail_id,
    )


async def test_what_the_first_cannot_do_the_next_one_does(
    world: World, admin: Actor, first: Server, second: Server
) -> None:
    await route(admin, second, "second", preference=20)
    await route(admin, first, "first", preference=10)
    first.refusal = "451 not now"
    await send(admin)
    await pump(world)
    assert (len(first.taken), len(second.taken)) == (0, 1)
    first.refusal = None
    await send(admin)
    await pump(world)
    assert (len(first.taken), len(second.taken)) == (1, 1)


async def test_f_29_while_no_server_answers_mails_wait_and_leave_once(
    world: World, admin: Actor, first: Server
) -> None:
    await route(admin, first, "first")
    first.refusal = "421 closing"
    await send(admin)
    await pump(world)
    (delivery,) = await became(admin)
    assert (delivery["state"], delivery["last_reason"]) == ("pending", "smtp_421")
    first.refusal = None
    await world.advance(RETRIES[0] * 1.2)
    await pump(world)
    await pump(world)
    assert len(first.taken) == 1


async def test_f_29_a_mail_that_would_come_too_late_is_not_sent(
    world: World, admin: Actor, first: Server
) -> None:
    await send(admin)
    await pump(world)
    (delivery,) = await became(admin)
    assert (delivery["state"], delivery["last_reason"]) == ("pending", "no_route")
    await route(admin, first, "first")
    await world.advance(timedelta(days=1, minutes=10))
    await pump(world)
    assert first.taken == []
    admin.http = world.client(await world.token_for(admin.id))
    (delivery,) = await became(admin)
    assert (delivery["state"], delivery["last_reason"]) == ("dead", "expired")


async def test_a_server_that_offers_no_tls_gets_nothing_over_starttls(
    world: World, admin: Actor, first: Server
) -> None:
    await route(admin, first, "first", security="starttls", username="u", password=PASSWORD)
    await send(admin)
    await pump(world)
    assert (first.taken, first.logins) == ([], [])
    (delivery,) = await became(admin)
    assert delivery["state"] == "pending"


async def test_an_account_says_it_in_its_own_words(
    world: World, admin: Actor, first: Server
) -> None:
    await route(admin, first, "first")
    path = "/v1/mail-templates/test"
    shipped = (await admin.http.get(path)).json()
    assert shipped["is_shipped"]
    wording = {"subject": "Own {{ issuer }}", "text": "Own text", "html": ""}
    shown = await admin.http.post(f"{path}:preview", json=wording)
    assert shown.json()["subject"] == "Own https://iam.shop.example"
    put = await admin.http.put(path, json=wording)
    assert (put.status_code, put.json()["is_shipped"]) == (200, False)
    stale = await admin.http.put(path, json=wording)
    assert stale.status_code == 428
    await send(admin)
    await pump(world)
    assert b"Own text" in (first.taken[0].content or b"")
    gone = await admin.http.delete(path, headers={"If-Match": "*"})
    assert gone.status_code == 204
    assert (await admin.http.get(path)).json() == shipped


async def test_sr_01_passwords_and_mails_are_sealed_and_addresses_checked(
    world: World, admin: Actor, first: Server
) -> None:
    await route(admin, first, "first", username="u", password=PASSWORD)
    await send(admin)
    async with world.work() as uow:
        (row,) = await uow.scalars(select(MailRoute))
        (mail,) = await uow.scalars(select(Mail))
        assert PASSWORD.encode() not in (row.password_sealed or b"")
        assert b"ana@shop.example" not in mail.content_sealed
    moved = {"host": "127.0.0.2"}
    path, any_version = "/v1/mail-routes/first", {"If-Match": "*"}
    refused = await admin.http.patch(path, json=moved, headers=any_version)
    assert (refused.status_code, refused.json()["code"]) == (400, "password_required")
    injected = await admin.http.post("/v1/mail:test", json={"to": "a@b.c\r\nBcc: x@y.z"})
    assert (injected.status_code, injected.json()["code"]) == (400, "address_invalid")
    for host in ("10.0.0.1", "metadata.google.internal", "smtp"):
        body = {"name": "inside", "host": host, "sender": "a@b.c"}
        answer = await admin.http.post("/v1/mail-routes", json=body)
        is_judged_later = host != "10.0.0.1"  # a name, while networks are open
        assert answer.status_code == (201 if is_judged_later else 400), host
        await admin.http.delete("/v1/mail-routes/inside", headers=any_version)
