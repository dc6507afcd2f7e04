"""One connection, below the requests: what arrives on it is bounded in size and time.

What the edge bounds has arrived already. Whoever sends a head without end, or one byte of head or
body a minute, must not hold memory or a connection (DS-02, DS-11); uvicorn sets no bound of its
own.
"""

import asyncio
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iam.http.joined_writes import JoinedWrites

HEAD_SECONDS: Final = 30.0
"""How long a client may take from the first byte of a request to the last of its headers."""
BODY_SECONDS: Final = 30.0
"""How long it may then take to the last byte of the body."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of request line and headers that have not ended; what has ended is for the edge to judge."""
WATCH_SECONDS: Final = 5.0
"""How often a connection is looked at: a timer for each request would cost more than it saves."""
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's own protocol, with bounds for every head and body, and answers in one piece."""

    _watch: asyncio.TimerHandle | None = None
    _due: float | None = None  # when what is under way must have arrived; None while nothing is
    _head_bytes: int | None = None  # None while no head is under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin; whoever connects and says nothing is held to the deadline too."""
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self._expect_head()
        self._watch = self.loop.call_later(WATCH_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._head_bytes = None
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins, the first of the connection or a later one."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_bytes = None
        self._due = self.loop.time() + BODY_SECONDS
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there, if there is one."""
        self._due = None
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._due = self.loop.time() + HEAD_SECONDS

    def _look(self) -> None:
        now = self.loop.time()
        if self._due is not None and self.pipeline:
            # An earlier answer is due, and until it is sent uvicorn reads nothing more: whoever
            # pipelined the next request is not to blame, and would take a 408 for that answer.
            self._due = now + BODY_SECONDS
        if self._due is None or now < self._due:
            self._watch = self.loop.call_later(WATCH_SECONDS, self._look)
            return
        if self._head_bytes is None and not self.cycle.response_started:
            self.transport.write(_TOO_SLOW)  # RFC 9110 section 15.5.9
        self.transport.close()
