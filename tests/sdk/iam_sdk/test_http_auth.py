"""The same auth on both libraries, sync and async, and one more try when a token is refused."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest

from iam_sdk import http_auth
from iam_sdk.credentials import find_settings
from iam_sdk.source import AsyncTokenSource, TokenSource
from tests.sdk.iam_sdk.conftest import Answer, Clock, HttpServer, Received

LIBRARIES = [(httpx2, "BearerAuth"), (httpx, "HttpxBearerAuth")]
INVALID = {"www-authenticate": 'Bearer realm="iam", error="invalid_token"'}


class Callee:
    """Token endpoint and protected service in one; it refuses the tokens it is told to."""

    def __init__(self, server: HttpServer) -> None:
        self.refused: set[str] = set()
        self.challenge = INVALID
        self.seen: list[str] = []
        self.issued = 0
        server.answer = self.answer

    def answer(self, request: Received) -> Answer:
        if request.path == "/oauth2/token":
            self.issued += 1
            token = {"access_token": f"t{self.issued}", "token_type": "Bearer", "expires_in": 600}
            return Answer(200, json.dumps(token).encode())
        self.seen.append(request.headers["authorization"] + " " + request.body.decode())
        if request.headers["authorization"].removeprefix("Bearer ") in self.refused:
            return Answer(401, b"", self.challenge)
        return Answer(200, b"fine")


@pytest.fixture
def callee(server: HttpServer) -> Callee:
    return Callee(server)


@pytest.fixture
def settings(server: HttpServer) -> Any:
    return find_settings(issuer=server.url, client_id="svc_1", client_secret="s", environ={})


@pytest.mark.parametrize(("library", "name"), LIBRARIES)
def test_a_sync_client_sends_a_token_and_another_when_it_is_refused(
    library: Any, name: str, settings: Any, server: HttpServer, callee: Callee, clock: Clock
) -> None:
    auth = getattr(http_auth, name)(TokenSource(settings, clock=clock), "https://billing.test")
    assert isinstance(auth, library.Auth)
    with library.Client(auth=auth, base_url=server.url) as client:
        assert client.post("/a", content="b").text == "fine"
        callee.refused = {"t1"}
        assert client.post("/a", content="b").text == "fine"
        callee.refused = {"t2"}
        assert client.get("/a").status_code == 401
    assert callee.seen == ["Bearer t1 b", "Bearer t1 b", "Bearer t2 b", "Bearer t2 "]


@pytest.mark.anyio
@pytest.mark.parametrize(("library", "name"), LIBRARIES)
async def test_an_async_client_does_the_same(
    library: Any, name: str, settings: Any, server: HttpServer, callee: Callee, clock: Clock
) -> None:
    source = AsyncTokenSource(settings, clock=clock)
    auth = getattr(http_auth, name)(source, "https://billing.test")
    async with library.AsyncClient(auth=auth, base_url=server.url) as client:
        assert (await client.post("/a", content="b")).text == "fine"
        callee.refused = {"t1"}
        assert (await client.post("/a", content="b")).text == "fine"
        callee.refused = {"t2"}
        assert (await client.get("/a")).status_code == 401
    assert callee.seen == ["Bearer t1 b", "Bearer t1 b", "Bearer t2 b", "Bearer t2 "]


@pytest.mark.parametrize(
    "challenge", [{}, {"www-authenticate": 'Bearer error="insufficient_scope"'}]
)
def test_another_401_is_not_about_the_token(
    challenge: dict[str, str], settings: Any, server: HttpServer, callee: Callee
) -> None:
    callee.refused, callee.challenge = {"t1"}, challenge
    auth = http_auth.BearerAuth(TokenSource(settings), "https://billing.test")
    with httpx2.Client(auth=auth, base_url=server.url) as client:
        assert client.get("/a").status_code == 401
    assert len(callee.seen) == 1


def test_a_body_that_cannot_be_sent_again_is_not(
    settings: Any, server: HttpServer, callee: Callee
) -> None:
    def body() -> Iterator[bytes]:
        yield b""

    callee.refused = {"t1"}
    auth = http_auth.BearerAuth(TokenSource(settings), "https://billing.test")
    with httpx2.Client(auth=auth, base_url=server.url) as client:
        assert client.post("/a", content=body()).status_code == 401
    assert len(callee.seen) == 1


@pytest.mark.anyio
async def test_the_wrong_kind_of_source_is_named(settings: Any, server: HttpServer) -> None:
    auth = http_auth.BearerAuth(AsyncTokenSource(settings), "https://billing.test")
    with (
        httpx2.Client(auth=auth, base_url=server.url) as client,
        pytest.raises(TypeError, match="needs a TokenSource"),
    ):
        client.get("/a")
    auth = http_auth.BearerAuth(TokenSource(settings), "https://billing.test")
    async with httpx2.AsyncClient(auth=auth, base_url=server.url) as async_client:
        with pytest.raises(TypeError, match="needs an AsyncTokenSource"):
            await async_client.get("/a")


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError):
        http_auth.NoSuchAuth  # type: ignore[attr-defined]  # noqa: B018
