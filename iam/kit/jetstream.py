"""Publishes to NATS JetStream at an address that somebody else wrote, judged as in ``outbound``.

The server's own word about other members of its cluster is not followed: those addresses nobody
has judged. So there is no reconnecting either; who publishes again connects again.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iam.errors import IamError
from iam.kit.outbound import Outbound

if TYPE_CHECKING:
    from nats.aio.client import Client

_NATS_PORTS = frozenset({4222})


class JetStream:
    """One connection, made for the first message.

    Args:
        outbound: Judges the address, and says whom TLS trusts.
        host: Name or address of the server.
        port: Its port.
        is_tls: Whether the connection is to be encrypted.
        login: Nothing, or ``token``, or ``user`` and ``password``.
        seconds: How long connecting, and each message, may take.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        host: str,
        port: int,
        is_tls: bool,
        login: Mapping[str, str],
        seconds: float,
    ) -> None:
        self._outbound = outbound
        self._host = host
        self._port = port
        self._is_tls = is_tls
        self._login = login
        self._seconds = seconds
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def publish(
        self, subject: str, body: bytes, *, message_id: str, content_type: str
    ) -> str | None:
        """Publish one message; returns why in vain, or ``None`` once a stream has it.

        A stream that got the id before keeps one copy (``Nats-Msg-Id``).
        """
        headers = {"Nats-Msg-Id": message_id, "Content-Type": content_type}
        try:
            async with asyncio.timeout(self._seconds):
                client = await self._connected()
                stream = client.jetstream()
                await stream.publish(subject, body, timeout=self._seconds, headers=headers)
        except Exception as error:  # noqa: BLE001 -- a server's words may break the library anywhere
            return _reason(error)
        return None

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> "Client":
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                await self.aclose()
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> "Client":
        from iam.kit.nats_client import GuardedClient

        found = await self._outbound.addresses(
            self._host, self._port, is_plain=not self._is_tls, ports=_NATS_PORTS
        )
        options: dict[str, Any] = dict(self._login)
        if self._is_tls:
            options |= {"tls": await self._outbound.tls(), "tls_hostname": self._host}
        address = f"[{found[0]}]" if ":" in found[0] else found[0]
        scheme = "tls" if self._is_tls else "nats"
        client = GuardedClient(needs_tls=self._is_tls)
        try:
            await client.connect(
                f"{scheme}://{address}:{self._port}",
                allow_reconnect=False,
                max_reconnect_attempts=0,
                connect_timeout=int(self._seconds),
                error_cb=_unheard,
                **options,
            )
        except BaseException:
            await client.close()  # or what it has opened so far stays open
            raise
        return client


def _reason(error: Exception) -> str:
    from nats.errors import Error as NatsError
    from nats.js.errors import NoStreamResponseError

    from iam.kit.nats_client import NoTlsError

    match error:
        case IamError():
            return str(error.detail.get("reason", error.code))
        case NoStreamResponseError():
            return "no_stream"
        case NoTlsError():
            return "tls"
        case TimeoutError():
            return "timeout"
        case NatsError() | OSError():
            return "connect"
    return "protocol"


async def _unheard(_error: Exception) -> None:
    """What goes wrong is what ``publish`` returns; the library would log it besides."""
