"""One connection, before there is a request: its head is bounded in size and time.

What the edge bounds has arrived already. Whoever sends a head without end, or one byte of it a
minute, must not hold memory or a connection (DS-02, DS-11); uvicorn sets no bound of its own.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS: Final = 30.0
"""How long a client may take from the first byte of a request to the last of its headers."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of request line and headers that have not ended; what has ended is for the edge to judge."""


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's own protocol, and a deadline and a size for every head."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes: int | None = None  # None while no head is under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Begin; whoever connects and says nothing is held to the deadline too."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_has_ended()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._head_has_ended()
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins, the first of the connection or a later one."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._head_has_ended()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _head_has_ended(self) -> None:
        self._head_bytes = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()
