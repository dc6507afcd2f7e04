"""The NATS client, less what a hostile server, or one in between, could do with it.

It reaches into the library, which is pinned: `tests/iam/kit/test_jetstream.py` tells when that no
longer works. Import it only where a connection is made: the library takes its time.
"""

from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error, ProtocolError
from nats.protocol.parser import Parser

MOST: Final = 65_536
"""Bytes of one message from a server that has nothing to say but that a stream has ours."""


class NoTlsError(Error):
    """The server offers no TLS, or somebody in between says so in its name."""


class GuardedClient(Client):
    """A client for a server that somebody else named.

    Args:
        needs_tls: Whether to send nothing, least of all a password, to a server without TLS. The
            server's first line, which says so, is not encrypted; the library believes it.
    """

    def __init__(self, *, needs_tls: bool) -> None:
        super().__init__()
        self._needs_tls = needs_tls
        self._ps = _BoundedParser(self)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 -- the library's own signature
        if self._needs_tls and initial_connection and not info.get("tls_required"):
            raise NoTlsError
        # Nobody has judged the addresses of other servers of its cluster.
        known = {name: value for name, value in info.items() if name != "connect_urls"}
        await super()._process_info(known, initial_connection)


class _BoundedParser(Parser):
    """Keeps no more than there can be to say (WH-07); the library keeps all that comes."""

    async def parse(self, data: bytes = b"") -> None:
        if len(self.buf) + len(data) > MOST:
            raise ProtocolError
        await super().parse(data)
