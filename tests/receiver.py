"""A real HTTP server on loopback that answers as it is told, and remembers what it was sent."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Its body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        """What a receiver knows repeats by."""
        return self.headers["webhook-id"]

    def is_signed(self, secret: str) -> bool:
        """Whether one of the signatures is of this secret, by the text of Standard Webhooks."""
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return f"v1,{digest}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Where webhooks point to in tests.

    Attributes:
        answer: The status for a request; 0 to hang up without one, -1 never to answer.
    """

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda _: 204

    def url(self, path: str = "/hook") -> str:
        """An address that leads here."""
        return f"http://127.0.0.1:{self.port}{path}"

    def events(self, path: str = "/hook") -> list[dict[str, Any]]:
        """The events that came there, in the order in which they came."""
        return [request.event for request in self.requests if request.path == path]

    def types(self, path: str = "/hook") -> list[str]:
        """The types of the same."""
        return [event["type"] for event in self.events(path)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            received = Received(first.split(" ")[1], headers, body)
            self.requests.append(received)
            status = self.answer(received)
            if status < 0:
                await reader.read()  # until the other side has had enough
            elif status:
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 6\r\n\r\nsecret".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as it may
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver, while the block runs."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, backlog=1024)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
