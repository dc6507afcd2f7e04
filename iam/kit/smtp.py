"""Sends one mail by one SMTP server, whose address somebody else wrote (see ``outbound``)."""

import asyncio
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iam.errors import IamError
from iam.kit.outbound import Outbound
from iam.kit.spans import Attribute, SpanKind, span

if TYPE_CHECKING:
    import aiosmtplib

PORTS = frozenset({25, 465, 587, 2525})
SECONDS = 20
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class SmtpRoute:
    """A server, and how to speak to it.

    Attributes:
        host: Its name, which TLS verifies.
        port: Its port.
        security: ``starttls`` (never without), ``tls`` from the beginning, or ``none``.
        sender: The address that mails come from.
        username: Whom to log in as, if at all.
        password: The password of the same.
    """

    host: str
    port: int
    security: str
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What a server said to a mail.

    Attributes:
        reason: Why it did not take it; ``None`` when it did.
        status: Its reply code, if there was one.
        is_final: Whether the same server would say the same again.
        is_unclear: Whether it may have taken the mail without our hearing of it: another server
            must not be asked then, or the mail may arrive twice.
    """

    reason: str | None
    status: int | None = None
    is_final: bool = False
    is_unclear: bool = False


_UNCLEAR = Said("unclear", is_unclear=True)


async def deliver(
    outbound: Outbound, route: SmtpRoute, recipient: str, message: bytes, *, helo: str
) -> Said:
    """Hand one message over. ``helo`` is the name that we give ourselves."""
    place: dict[str, Attribute] = {"server__address": route.host, "server__port": route.port}
    with span("SMTP", SpanKind.CLIENT, **place) as traced:
        said = await _delivered(outbound, route, recipient, message, helo=helo)
        if traced is not None:
            traced.error = said.reason
    return said


async def _delivered(
    outbound: Outbound, route: SmtpRoute, recipient: str, message: bytes, *, helo: str
) -> Said:
    import aiosmtplib

    is_plain = route.security == "none"
    handed = _Handed()
    try:
        async with asyncio.timeout(SECONDS):
            found = await outbound.addresses(route.host, route.port, is_plain=is_plain, ports=PORTS)
            connection = await _connected(found[0], route.port)
            client = aiosmtplib.SMTP(
                hostname=route.host,
                sock=connection,
                local_hostname=helo,
                use_tls=route.security == "tls",
                start_tls=route.security == "starttls",
                tls_context=None if is_plain else await outbound.tls(),
                timeout=SECONDS,
            )
            await _hand_over(client, route, recipient, message, handed)
    except (IamError, aiosmtplib.SMTPException, OSError) as error:
        # What happens once the server has taken it, as while we say goodbye, changes nothing.
        return handed.said or _refused(error)
    return handed.said or _UNCLEAR


@dataclass(slots=True)
class _Handed:
    """What is known even if time runs out: once the message is on its way, it may have arrived."""

    said: Said | None = None


async def _hand_over(
    client: "aiosmtplib.SMTP", route: SmtpRoute, recipient: str, message: bytes, handed: _Handed
) -> None:
    import aiosmtplib

    async with client:
        if route.username is not None:
            await client.login(route.username, route.password or "")
        await client.mail(route.sender)
        await client.rcpt(recipient)
        handed.said = _UNCLEAR
        try:
            answer = await client.data(message)
        except aiosmtplib.SMTPResponseException as error:
            if error.code > 0:  # a clear no, unlike what is no answer of SMTP
                handed.said = None
            raise
        handed.said = Said(None, answer.code)


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _refused(error: Exception) -> Said:
    import aiosmtplib

    if isinstance(error, IamError):
        return Said(str(error.detail.get("reason", error.code)))
    if isinstance(error, TimeoutError):
        return Said("timeout")
    code = getattr(error, "code", None)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Said("login_refused", code)  # an operator can put that right
    if isinstance(code, int) and code > 0:
        return Said(f"smtp_{code}", code, is_final=code >= _PERMANENT)
    return Said("connect")
