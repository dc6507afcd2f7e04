"""How a flow reaches the network: a flow yields requests and receives responses, and does no I/O.

The same flow is driven by `drive` with a blocking sender and by `drive_async` with an awaiting one.
A sender keeps every bound a flow asks for: total time, size of the answer, no redirects, no
compressed bodies (a kilobyte must not become a gigabyte).
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from iam_sdk.errors import IamSdkError, TransportError

T = TypeVar("T")
Step = TypeVar("Step")
Answer = TypeVar("Answer")

MAX_ANSWER_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send, and how much to accept in return. ``timeout`` is in seconds, in total."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    max_bytes: int = MAX_ANSWER_BYTES
    timeout: float = TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


Flow: TypeAlias = Generator[HttpRequest, HttpResponse, T]
Sender: TypeAlias = Callable[[HttpRequest], HttpResponse]
AsyncSender: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]


def drive(flow: Generator[Step, Answer, T], answer: Callable[[Step], Answer]) -> T:
    """Run a flow to its end with a blocking sender, or with whatever answers its steps.

    The flow is told of an `IamSdkError`, and may go on. Raises what the flow raises.
    """
    try:
        step = next(flow)
        while True:
            try:
                found = answer(step)
            except IamSdkError as error:
                step = flow.throw(error)
            else:
                step = flow.send(found)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(
    flow: Generator[Step, Answer, T], answer: Callable[[Step], Awaitable[Answer]]
) -> T:
    """Run a flow to its end; otherwise as `drive`."""
    try:
        step = next(flow)
        while True:
            try:
                found = await answer(step)
            except IamSdkError as error:
                step = flow.throw(error)
            else:
                step = flow.send(found)
    except StopIteration as end:
        result: T = end.value
        return result


def send_once(request: HttpRequest, ca_bundle: str | None = None) -> HttpResponse:
    """Send over a connection of its own, and cut that at the deadline whatever the server does.

    A time-out of a socket counts from its last byte: a server that drips would hold the caller for
    ever. Raises TransportError.
    """
    client = _library().Client(verify=_tls(ca_bundle))
    deadline = threading.Timer(request.timeout, client.close)
    deadline.daemon = True
    deadline.start()
    try:
        return send_with(client)(request)
    except TransportError as error:
        # What the cut connection says of itself is only how it noticed.
        if not deadline.is_alive():
            raise TransportError("timeout") from error
        raise
    finally:
        deadline.cancel()
        client.close()


def send_with(client: Any) -> Sender:
    """A sender over an httpx2 or httpx ``Client`` that the caller keeps and closes."""

    def send(request: HttpRequest) -> HttpResponse:
        until = time.monotonic() + request.timeout
        try:
            with client.stream(**_arguments(request)) as response:
                _check(response)
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    _check_bounds(len(body), request, until)
                return _answer(response, bytes(body))
        except _network_errors() as error:
            raise TransportError(_word_for(error), type(error).__name__) from error

    return send


def send_with_async(client: Any) -> AsyncSender:
    """A sender over an httpx2 or httpx ``AsyncClient`` that the caller keeps and closes."""

    async def send(request: HttpRequest) -> HttpResponse:
        until = time.monotonic() + request.timeout
        try:
            async with (
                asyncio.timeout(request.timeout),
                client.stream(**_arguments(request)) as response,
            ):
                _check(response)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    _check_bounds(len(body), request, until)
                return _answer(response, bytes(body))
        except _network_errors() as error:
            raise TransportError(_word_for(error), type(error).__name__) from error

    return send


def new_client(ca_bundle: str | None = None) -> Any:
    """A pooled blocking client for calls that come often; the caller closes it."""
    return _library().Client(verify=_tls(ca_bundle))


def new_async_client(ca_bundle: str | None = None) -> Any:
    """A pooled async client for calls that come often; the caller closes it."""
    return _library().AsyncClient(verify=_tls(ca_bundle))


def _arguments(request: HttpRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": {"accept-encoding": "identity", **request.headers},
        "content": request.body,
        "timeout": request.timeout,
        "follow_redirects": False,
    }


def _check(response: Any) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TransportError("answer_compressed")


def _check_bounds(size: int, request: HttpRequest, until: float) -> None:
    if size > request.max_bytes:
        raise TransportError("answer_too_large", f"more than {request.max_bytes} bytes")
    if time.monotonic() > until:
        raise TransportError("timeout")


def _answer(response: Any, body: bytes) -> HttpResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(response.status_code, headers, body)


def _word_for(error: BaseException) -> str:
    return "timeout" if "Timeout" in type(error).__name__ else "unreachable"


def _library() -> Any:
    # Imported late: a service that only verifies with given keys needs no HTTP client.
    try:
        import httpx2
    except ImportError:
        import httpx

        return httpx
    return httpx2


def _network_errors() -> tuple[type[Exception], ...]:
    import sys

    loaded = [sys.modules.get(name) for name in ("httpx2", "httpx")]
    own = [error for module in loaded if module for error in (module.HTTPError, module.InvalidURL)]
    # TimeoutError is an OSError; a client that the deadline has closed says so with either.
    return (*own, OSError, RuntimeError)


def _tls(ca_bundle: str | None) -> ssl.SSLContext | bool:
    if ca_bundle is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(ca_bundle)
    return context
