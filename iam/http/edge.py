"""The outermost layer of every request, the fast lane's included.

It gives the request an id and an address, refuses what is too large or malformed before anything
else looks at it, sets the security headers of every answer, and turns what nobody caught into an
opaque 500. One pure ASGI class: a framework middleware would cost more than the fast lane itself.
"""

import re
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from iam.errors import ErrorKind, IamError, invalid
from iam.http.address import ClientAddress
from iam.http.problems import internal_error, problem
from iam.kit.clock import Clock
from iam.kit.ids import IdKind, new_id
from iam.kit.log_context import REQUEST, RequestContext
from iam.settings import Settings

MAX_TARGET_BYTES: Final = 8192
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 16_384
"""Of one header. The largest that is meant is a token, and those are far smaller."""

_log = structlog.get_logger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_HOST = re.compile(rb"[A-Za-z0-9._-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_ODD_PATH = re.compile(r"//|/\.{1,2}(/|$)|[\x00-\x1f\\]")

_SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
]
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


class Edge:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, *, settings: Settings, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._addresses = ClientAddress(settings.trusted_proxies)
        self._limits = settings.limits
        is_tls = settings.public_url.startswith("https://")
        self.headers: Final = [*_SECURITY_HEADERS, *([_HSTS] if is_tls else [])]
        self.header_names: Final = frozenset(name for name, _ in self.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other ASGI events pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self, scope, receive, send)
        # The server has a task for each request, with a context of its own: nothing to put back.
        REQUEST.set(exchange)
        try:
            exchange.check()
            await self._app(scope, exchange.receive, exchange.send)
        except IamError as error:
            await exchange.answer_error(error)
        except Exception:  # noqa: BLE001 -- the last catch: nothing may leave but an opaque 500
            _log.exception("request_failed")
            await exchange.answer_internal_error()

    def new_request_id(self) -> str:
        """An id for a request that brought none."""
        return new_id(IdKind.REQUEST, self._clock.now())

    def address(self, peer: str | None, forwarded_for: str | None) -> str | None:
        """The client's address."""
        return self._addresses.find(peer, forwarded_for)

    def body_limit(self, path: str) -> int:
        """The largest body that this path takes, in bytes."""
        is_oauth = path.startswith("/oauth2/")
        return self._limits.auth_body_bytes if is_oauth else self._limits.body_bytes


def _acceptable(request_id: bytes | None) -> str | None:
    """The id that a request brought, if it is one that may stand in a log line."""
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        return None
    return request_id.decode("ascii")


def _count(scope: Scope, name: bytes) -> int:
    return sum(1 for present, _ in scope["headers"] if present == name)


class _Exchange(RequestContext):
    """One request and its answer, as they pass the edge."""

    __slots__ = ("_edge", "_limit", "_receive", "_scope", "_seen", "_send", "_started", "headers")

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge, self._scope, self._receive, self._send = edge, scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id")
        super().__init__(_acceptable(given) or edge.new_request_id())
        self._limit = edge.body_limit(scope["path"])
        self._seen = 0
        self._started = False
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = self.headers.get(b"x-forwarded-for")
        address = edge.address(peer, forwarded.decode("latin-1") if forwarded else None)
        scope["iam.request_id"] = self.request_id
        scope["iam.address"] = address

    def check(self) -> None:
        """Refuse what no handler should see. Raises `IamError` of kind `invalid`."""
        scope, headers = self._scope, self.headers
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_TARGET_BYTES:
            raise invalid("uri_too_long", f"the address is longer than {MAX_TARGET_BYTES} bytes")
        if len(scope["headers"]) > MAX_HEADERS:
            raise invalid("headers_too_many", f"more than {MAX_HEADERS} headers")
        if len(headers) != len(scope["headers"]) and _count(scope, b"host") > 1:
            raise invalid("host_invalid", "more than one `Host`")  # RFC 9112 section 3.2
        if max(map(len, headers.values()), default=0) > MAX_HEADER_BYTES:
            raise invalid("header_too_large", f"a header is longer than {MAX_HEADER_BYTES} bytes")
        if not _HOST.fullmatch(headers.get(b"host", b"")):
            raise invalid("host_invalid", "the `Host` header is not a host name")
        if _ODD_PATH.search(scope["path"]):
            raise IamError(ErrorKind.NOT_FOUND, "not_found", "there is nothing at this address")
        if b"%00" in scope["query_string"]:
            raise invalid("query_invalid", "the query holds a NUL character")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise invalid("content_encoding_unsupported", "compressed bodies are not accepted")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limit:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next part of the request; bounded in size. `connection.py` bounds it in time."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit and not self._started:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """The next part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self._started = True
            self._scope["iam.status"] = message["status"]
            edge, given = self._edge, message["headers"]
            mine = edge.headers
            present = {name for name, _ in given}
            if not edge.header_names.isdisjoint(present):
                mine = [header for header in mine if header[0] not in present]
            request_id = (b"x-request-id", self.request_id.encode("latin-1"))
            message["headers"] = [*given, *mine, request_id]
        await self._send(message)

    async def answer_error(self, error: IamError) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self._started:
            answer = problem(error, request_id=self.request_id)
            await answer(self._scope, self._receive, self.send)

    async def answer_internal_error(self) -> None:
        """Answer that something went wrong, unless an answer has begun."""
        if not self._started:
            answer = internal_error(request_id=self.request_id)
            await answer(self._scope, self._receive, self.send)

    def _too_large(self) -> IamError:
        return invalid("body_too_large", f"the body is larger than {self._limit} bytes")
