"""SMTP servers that mean harm, or break off; those that behave are in `test_sending.py` of mail."""

import asyncio

import pytest

from iam.kit import smtp
from iam.kit.outbound import Outbound
from iam.kit.smtp import Said, SmtpRoute, deliver

pytestmark = pytest.mark.anyio
UNCLEAR = Said("unclear", is_unclear=True)


async def said(*answers: bytes) -> tuple[Said, bool]:
    """What is made of a server that answers so, and no more; and whether it got the message."""
    got = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        try:
            for answer in answers:
                writer.write(answer)
                if answer.startswith(b"354"):
                    await reader.readuntil(b"\r\n.\r\n")
                    got = True
                else:
                    await reader.readline()
            await reader.read()  # until the other side has had enough
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as it may
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    route = SmtpRoute("127.0.0.1", port, "none", "iam@b.example")
    outbound = Outbound(allow=["127.0.0.0/8"])
    try:
        found = await deliver(
            outbound, route, "ana@b.example", b"Subject: x\r\n\r\nx\r\n", helo="h"
        )
    finally:
        server.close()
    return found, got


TAKEN = (b"220 x\r\n", b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")


async def test_f_29_what_is_no_answer_to_a_mail_is_no_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 2)
    found, got = await said(*TAKEN, b"what?\r\n")
    assert found == UNCLEAR or not got


async def test_f_29_a_server_that_takes_a_mail_and_is_silent_then_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 2)
    found, got = await said(*TAKEN, b"250 taken\r\n")
    assert found in {Said(None, 250), UNCLEAR} or not got


async def test_a_refusal_of_the_mail_itself_is_one() -> None:
    found, _ = await said(*TAKEN, b"554 spam\r\n", b"221 bye\r\n")
    assert found == Said("smtp_554", 554, is_final=True)
