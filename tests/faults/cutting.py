"""The way to PostgreSQL, which breaks in the worst moment, grows long, or swallows everything.

One thread in front of the database; to the server it is the database.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

COMMIT = b"COMMIT"
"""How a commit is recognised on the wire."""
_LOOK_SECONDS = 0.02


@dataclass
class Cutter:
    """Passes everything on, and cuts as often as it was told to.

    Attributes:
        port: Where it listens on loopback.
        cuts: How often it has cut.
        delay: Seconds that whatever the server sends is under way.
        is_silent: Whether nothing arrives any more, in either direction, and no connection ends.
    """

    target: int
    port: int = 0
    cuts: int = 0
    delay: float = 0.0
    is_silent: bool = False
    _sign: bytes = b""
    _after: bytes = b""
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def cut_next(self, sign: bytes, *, after: bytes = b"") -> None:
        """Cut the connection on which the next message with this in it is sent, before its answer.

        What is cut is not cut off: the message arrives. With `after`, only a connection counts on
        which that was sent before, or with it: others commit, too.
        """
        self._sign, self._after = sign, after

    async def run(self, is_listening: threading.Event, stopping: asyncio.Event) -> None:
        """Listen until told to stop."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            is_listening.set()
            await stopping.wait()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", self.target), (reader, writer)
        is_cut = asyncio.Event()
        for task in (
            asyncio.create_task(self._ask(here[0], there[1], is_cut)),
            asyncio.create_task(self._answer(there[0], here[1], is_cut)),
        ):
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _ask(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_cut: asyncio.Event
    ) -> None:
        """From the server to the database."""
        meant = False
        try:
            while data := await source.read(1 << 16):
                meant = meant or (bool(self._after) and self._after in data)
                if self._sign and self._sign in data and (meant or not self._after):
                    self._sign, meant = b"", False
                    self.cuts += 1
                    is_cut.set()
                await self._under_way(self.delay)
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def _under_way(self, seconds: float) -> None:
        """Wait as long as what is sent now takes, or until the way is free again."""
        if seconds:
            await asyncio.sleep(seconds)
        while self.is_silent:  # noqa: ASYNC110 -- another thread says so, which no event of asyncio may
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answer(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_cut: asyncio.Event
    ) -> None:
        """From the database to the server; what comes after a cut is the end."""
        try:
            while data := await source.read(1 << 16):
                if is_cut.is_set():
                    break
                await self._under_way(0)
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()


@contextmanager
def cutting(target: int) -> Iterator[Cutter]:
    """Run a cutter in front of a port of loopback."""
    cutter, is_listening = Cutter(target), threading.Event()
    loop, stopping = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(cutter.run(is_listening, stopping),)
    )
    thread.start()
    try:
        assert is_listening.wait(10)
        yield cutter
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
