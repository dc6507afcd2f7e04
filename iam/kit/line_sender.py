"""Sends lines of InfluxDB's protocol to where somebody takes them: HTTP, UDP or a Unix socket.

Telegraf takes all three (`influxdb_listener`, `socket_listener`), InfluxDB the first two. What is
sent over the network goes where `outbound` lets it.
"""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit

from iam.errors import unavailable
from iam.kit.outbound import Outbound

LINES_AT_ONCE: Final = 5_000
"""What InfluxDB recommends for one request."""
DATAGRAM_BYTES: Final = 1_400
"""What fits into one packet on the way everywhere."""
SECONDS: Final = 10.0
_OK: Final = range(200, 300)


class Sender(Protocol):
    """Sends lines."""

    async def send(self, lines: Iterable[str]) -> None:
        """Send them all. Raises `IamError`, or `OSError` from a socket."""


def sender(url: str, *, token: str | None, outbound: Outbound) -> Sender:
    """What sends to this address; its scheme is http, https, udp or unix."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return _UnixSender(parts.path)
    if parts.scheme == "udp":
        return _DatagramSender(parts.hostname or "", parts.port or 8089, outbound)
    return _HttpSender(url, {"authorization": f"Token {token}"} if token else {}, outbound)


class _HttpSender:
    """`POST` to `/write` of InfluxDB 1, to `/api/v2/write` of a later one, or to Telegraf."""

    def __init__(self, url: str, headers: Mapping[str, str], outbound: Outbound) -> None:
        self._url = url
        self._headers = {"content-type": "text/plain; charset=utf-8", **headers}
        self._outbound = outbound

    async def send(self, lines: Iterable[str]) -> None:
        """Send them; what the receiver answers besides its status is of no interest."""
        for batch in _batches(lines, most=LINES_AT_ONCE):
            answer = await self._outbound.fetch(
                self._url,
                method="POST",
                headers=self._headers,
                content="\n".join(batch).encode(),
                timeout=SECONDS,
                read_body=False,
            )
            if answer.status not in _OK:
                message = f"the receiver of metrics answered {answer.status}"
                raise unavailable("push_refused", message, status=answer.status)


class _DatagramSender:
    """Packets that nobody acknowledges."""

    def __init__(self, host: str, port: int, outbound: Outbound) -> None:
        self._host, self._port, self._outbound = host, port, outbound

    async def send(self, lines: Iterable[str]) -> None:
        """Send as many lines in a packet as fit."""
        (address, *_) = await self._outbound.addresses(self._host, self._port, is_plain=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            for packet in _packets(lines):
                await asyncio.get_running_loop().sock_sendto(opened, packet, (address, self._port))


class _UnixSender:
    """A stream to a process of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def send(self, lines: Iterable[str]) -> None:
        """Connect, send, and close."""
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_unix_connection(self._path)
            try:
                writer.writelines(f"{line}\n".encode() for line in lines)
                await writer.drain()
            finally:
                writer.close()
                await writer.wait_closed()


def _batches(lines: Iterable[str], *, most: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch


def _packets(lines: Iterable[str]) -> Iterator[bytes]:
    packet = b""
    for line in lines:
        encoded = line.encode() + b"\n"
        if packet and len(packet) + len(encoded) > DATAGRAM_BYTES:
            yield packet
            packet = b""
        packet += encoded
    if packet:
        yield packet
