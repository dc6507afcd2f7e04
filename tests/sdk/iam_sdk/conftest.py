"""What the SDK's tests share: one issuer at a fixed time, and a key for each algorithm."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iam_sdk.jwk import ALGORITHMS
from iam_sdk.testing import LocalIssuer, SigningKey

NOW = 1_800_000_000


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def issuer() -> LocalIssuer:
    return LocalIssuer("https://iam.test", now=lambda: NOW)


@pytest.fixture(scope="session")
def signing_keys() -> dict[str, SigningKey]:
    return {alg: SigningKey.generate(alg) for alg in sorted(ALGORITHMS)}


@dataclass
class Answer:
    """What the server says next; ``after`` is in seconds, ``drip`` between single octets.

    A drip without a body is a head that never ends.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0
    drip: float = 0


@dataclass
class Received:
    """A request as the server saw it; names of ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpServer:
    """A real HTTP server in a thread; ``answer`` decides what it says, ``received`` remembers."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _: Answer(404)
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.command, self.path, headers, self.rfile.read(length))
                server.received.append(request)
                answer = server.answer(request)
                server.closing.wait(answer.after)
                with contextlib.suppress(OSError):
                    if answer.drip and not answer.body:
                        self.write(
                            Answer(body=b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1000, drip=answer.drip)
                        )
                        return
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.write(answer)

            def write(self, answer: Answer) -> None:
                if not answer.drip:
                    self.wfile.write(answer.body)
                    return
                for octet in answer.body:
                    self.wfile.write(bytes([octet]))
                    self.wfile.flush()
                    if server.closing.wait(answer.drip):
                        return

            do_GET = do_POST = respond  # noqa: N815 - the names http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    server = HttpServer()
    server.start()
    yield server
    server.stop()
