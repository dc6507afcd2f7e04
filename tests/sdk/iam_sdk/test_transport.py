"""A sender keeps every bound that a flow asks for, on either library."""

import sys
from typing import Any

import httpx
import httpx2
import pytest

from iam_sdk.errors import TransportError
from iam_sdk.transport import (
    Flow,
    HttpRequest,
    HttpResponse,
    drive,
    drive_async,
    new_async_client,
    new_client,
    send_once,
    send_with,
    send_with_async,
)
from tests.sdk.iam_sdk.conftest import Answer, HttpServer

LIBRARIES = [httpx2, httpx]
OUT_OF_BOUNDS = [
    (Answer(200, b"x" * 101), "answer_too_large"),
    (Answer(200, b"x", {"content-encoding": "gzip"}), "answer_compressed"),
    (Answer(after=10), "timeout"),
    (Answer(200, b"x" * 50, drip=0.1), "timeout"),
]


def asked(server: HttpServer) -> HttpRequest:
    return HttpRequest("POST", server.url + "/a", {"x-a": "b"}, b"body", 100, 0.4)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_request_goes_out_and_its_answer_comes_back(library: Any, server: HttpServer) -> None:
    server.answer = lambda _: Answer(201, b"made", {"X-Made": "yes"})
    with library.Client() as client:
        response = send_with(client)(asked(server))
    assert (response.status, response.body, response.headers["x-made"]) == (201, b"made", "yes")
    received = server.received[0]
    assert (received.method, received.path, received.body) == ("POST", "/a", b"body")
    assert (received.headers["x-a"], received.headers["accept-encoding"]) == ("b", "identity")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("answer", "reason"), OUT_OF_BOUNDS)
def test_an_answer_out_of_bounds_is_refused(
    answer: Answer, reason: str, library: Any, server: HttpServer
) -> None:
    server.answer = lambda _: answer
    with library.Client() as client, pytest.raises(TransportError) as refusal:
        send_with(client)(asked(server))
    assert refusal.value.reason == reason


@pytest.mark.anyio
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("answer", "reason"), OUT_OF_BOUNDS)
async def test_an_answer_out_of_bounds_is_refused_on_an_event_loop(
    answer: Answer, reason: str, library: Any, server: HttpServer
) -> None:
    server.answer = lambda _: answer
    async with library.AsyncClient() as client:
        with pytest.raises(TransportError) as refusal:
            await send_with_async(client)(asked(server))
    assert refusal.value.reason == reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[", "http://a\x00b/"])
def test_what_cannot_be_reached_is_one_error(url: str) -> None:
    with pytest.raises(TransportError, match=r"^unreachable"):
        send_once(HttpRequest("GET", url))


def second_try() -> Flow[int]:
    """Ask, and ask elsewhere if that fails."""
    try:
        response = yield HttpRequest("GET", "https://first.test")
    except TransportError:
        response = yield HttpRequest("GET", "https://second.test")
    return response.status


@pytest.mark.anyio
async def test_a_flow_may_answer_a_failure_with_another_request() -> None:
    def send(request: HttpRequest) -> HttpResponse:
        if "first" in request.url:
            raise TransportError("unreachable")
        return HttpResponse(200, {}, b"")

    async def send_async(request: HttpRequest) -> HttpResponse:
        return send(request)

    assert drive(second_try(), send) == 200
    assert await drive_async(second_try(), send_async) == 200


@pytest.mark.anyio
async def test_httpx_serves_where_httpx2_is_not_installed(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    server.answer = lambda _: Answer(204)
    assert send_once(HttpRequest("GET", server.url)).status == 204
    client, async_client = new_client(), new_async_client()
    assert isinstance(client, httpx.Client)
    assert isinstance(async_client, httpx.AsyncClient)
    client.close()
    await async_client.aclose()


def test_no_representation_shows_what_is_sent() -> None:
    request = HttpRequest("POST", "https://a.test", {"authorization": "s3cret"}, b"s3cret")
    assert "s3cret" not in repr(request)
