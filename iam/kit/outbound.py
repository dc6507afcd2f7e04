"""The one HTTP client of the server, for URLs that somebody else wrote.

Webhook receivers, key sets, metadata documents: whoever enters such a URL could aim it at our own
network. So every call goes through here, where the target is judged (``targets``), resolved once,
and connected to at exactly the address that was judged, while TLS still verifies the name. No
redirect is followed, no proxy of the environment used, nothing decompressed, and both time and size
have an end.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx2

from iam.errors import IamError, unavailable
from iam.kit.spans import CURRENT, Attribute, SpanKind, span
from iam.kit.targets import (
    NO_PORTS,
    SETTING,
    Address,
    AllowList,
    Ports,
    Target,
    host_target,
    is_local_name,
    is_public,
    parse_target,
    refused,
)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to IP addresses; raises ``OSError`` if there are none."""

_MAX_ADDRESSES = 4
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_OUR_HEADERS = frozenset(
    {"host", "accept-encoding", "connection", "content-length", "transfer-encoding", "expect", "te"}
)


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The answer, as it came: a redirect is an answer like any other.

    Header names are lower case. Do not show ``headers`` or ``body`` to whoever chose the URL: that
    would let them read what only we can reach.
    """

    status: int
    headers: dict[str, str]
    body: bytes


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order the system prefers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Outbound:
    """Makes guarded HTTP calls; keep one for the life of the process and ``aclose`` it.

    Args:
        allow: The entries of ``IAM_OUTBOUND_ALLOW``, see ``targets.AllowList``.
        ca_bundle: A PEM file of authorities to trust besides the system's.
        allow_http: Whether allow-listed targets may be called without TLS; allow-listed loopback
            always may.
        resolver: Finds the addresses of a host.
        max_connections: How many calls may be under way at once.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        ca_bundle: Path | None = None,
        allow_http: bool = False,
        resolver: Resolver = resolve_by_system,
        max_connections: int = 100,
    ) -> None:
        self._allow = AllowList(allow)
        self._allow_http = allow_http
        self._resolver = resolver
        self._max_connections = max_connections
        # A bundle that is no good is a mistake to hear of at once.
        self._tls: ssl.SSLContext | None = None if ca_bundle is None else _tls_with(ca_bundle)
        self._transport: httpx2.AsyncHTTPTransport | None = None

    def check_url(self, url: str) -> None:
        """Refuse a URL that is bad whatever DNS says.

        Raises ``IamError`` (invalid, ``outbound_refused``).
        """
        self._judge(parse_target(url))

    async def check(self, url: str) -> None:
        """``check_url``, and the same for what the name resolves to now: for when a URL is saved.

        Raises ``IamError`` (unavailable, ``outbound_failed``) if it does not resolve.
        """
        target = parse_target(url)
        self._judge(target)
        await self._resolve(target)

    def check_host(self, host: str, port: int, *, is_plain: bool, ports: Ports = NO_PORTS) -> None:
        """``check_url`` for a protocol other than HTTP.

        ``ports`` are the protocol's own, which a URL may not name; ``is_plain`` says that nothing
        is encrypted from the beginning.
        """
        self._judge(host_target(host, port, is_plain=is_plain, ports=ports))

    async def addresses(
        self, host: str, port: int, *, is_plain: bool, ports: Ports = NO_PORTS
    ) -> list[str]:
        """The addresses at which a host may be called, by a protocol other than HTTP.

        Connect to one of these, and let TLS verify the name. Raises as ``check`` does.
        """
        target = host_target(host, port, is_plain=is_plain, ports=ports)
        self._judge(target)
        return [str(address) for address in await self._resolve(target)]

    async def tls(self) -> ssl.SSLContext:
        """What verifies names for a protocol other than HTTP."""
        if self._tls is None:
            self._tls = await asyncio.to_thread(_system_tls)
        return self._tls

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  # one deadline over resolving, connecting and reading
        max_bytes: int = 65_536,
        read_body: bool = True,
    ) -> FetchResult:
        """Call the URL once.

        Args:
            url: What to call.
            method: One of GET, HEAD, POST, PUT, PATCH, DELETE.
            headers: More request headers; those that frame the message are ours.
            content: The request's body.
            timeout: Seconds for everything together.
            max_bytes: The largest body that is accepted.
            read_body: If false, the call ends with the status, for receivers whose answer is of no
                interest.

        Raises:
            IamError: invalid, ``outbound_refused``, if the call must not be made; unavailable,
                ``outbound_failed``, if it was tried in vain, with detail ``reason``: ``timeout``,
                ``resolve``, ``connect``, ``tls``, ``protocol``, ``too_large`` or ``encoding``.
        """
        target = parse_target(url)
        self._judge(target)
        call = _Call(target, method, _checked_headers(method, headers or {}, target), content)
        place: dict[str, Attribute] = {"server__address": target.host, "server__port": target.port}
        with span(method, SpanKind.CLIENT, http__request__method=method, **place) as traced:
            above = traced or CURRENT.get()
            if above is not None:
                call.headers["traceparent"] = above.traceparent
            result = await self._called(call, timeout, max_bytes, read_body=read_body)
            if traced is not None:
                traced.attributes["http.response.status_code"] = result.status
        return result

    async def _called(
        self,
        call: "_Call",
        seconds: float,
        max_bytes: int,
        *,
        read_body: bool,
    ) -> FetchResult:
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(call.target)
                connect_timeout = seconds / len(addresses)
                response = await self._send(call, addresses, connect_timeout)
                try:
                    body = await _read(response, max_bytes) if read_body else b""
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise _failed("timeout", "no complete answer in time") from error
        except httpx2.TransportError as error:
            raise _failed("protocol", "the answer broke off or is not HTTP") from error
        return FetchResult(response.status_code, dict(response.headers), body)

    async def aclose(self) -> None:
        """Close what is still open."""
        if self._transport is not None:
            await self._transport.aclose()

    def _judge(self, target: Target) -> None:
        if target.literal is not None:
            self._judge_address(target, target.literal)
        elif not self._allow.may_open(target.host):
            if is_local_name(target.host):
                raise _private(target)
            if target.scheme == "http":
                raise _plain(target)

    def _judge_address(self, target: Target, address: Address) -> None:
        opened = self._allow.opens(target.host, address)
        named_only_here = target.literal is None and is_local_name(target.host)
        if not opened and (named_only_here or not is_public(address)):
            raise _private(target)
        if target.scheme == "http" and not (opened and (self._allow_http or address.is_loopback)):
            raise _plain(target)

    async def _resolve(self, target: Target) -> list[Address]:
        """The addresses to connect to; all of them are judged, so that luck decides nothing."""
        if target.literal is not None:
            return [target.literal]
        try:
            found = await self._resolver(target.host, target.port)
        except OSError as error:
            raise _failed("resolve", f"`{target.host}` does not resolve") from error
        addresses = list(dict.fromkeys(ipaddress.ip_address(text) for text in found))
        if not addresses:
            raise _failed("resolve", f"`{target.host}` does not resolve")
        for address in addresses:
            self._judge_address(target, address)
        return addresses[:_MAX_ADDRESSES]

    async def _send(
        self, call: "_Call", addresses: Sequence[Address], connect_timeout: float
    ) -> httpx2.Response:
        failure: httpx2.TransportError | None = None
        transport = await self._opened()
        for address in addresses:
            try:
                return await transport.handle_async_request(call.to(address, connect_timeout))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        assert failure is not None  # noqa: S101  # there is at least one address
        if isinstance(failure, httpx2.ConnectTimeout):
            raise failure
        if _is_tls(failure):
            raise _failed(
                "tls", f"`{call.target.host}` has no certificate that we trust; see IAM_CA_BUNDLE"
            ) from failure
        raise _failed("connect", f"`{call.target.host}` accepts no connection") from failure

    async def _opened(self) -> httpx2.AsyncHTTPTransport:
        """What carries the calls; made for the first one, for many a process makes none."""
        tls = await self.tls()
        if self._transport is None:
            # Connections are pooled by address, not by name: kept alive, one that was verified for
            # a name could carry requests for another name at the same address. So none is kept.
            self._transport = httpx2.AsyncHTTPTransport(
                verify=tls,
                limits=httpx2.Limits(
                    max_connections=self._max_connections, max_keepalive_connections=0
                ),
            )
        return self._transport


@dataclass(frozen=True, slots=True)
class _Call:
    target: Target
    method: str
    headers: dict[str, str]
    content: bytes | None

    def to(self, address: Address, connect_timeout: float) -> httpx2.Request:
        """The request to one address; the names in ``Host`` and in TLS stay those of the URL."""
        return httpx2.Request(
            self.method,
            httpx2.URL(
                scheme=self.target.scheme,
                host=str(address),
                port=self.target.port,
                raw_path=self.target.path.encode("ascii"),
            ),
            headers=self.headers,
            content=self.content,
            extensions={
                "sni_hostname": self.target.host,
                "timeout": {"connect": connect_timeout},
            },
        )


def _checked_headers(method: str, headers: Mapping[str, str], target: Target) -> dict[str, str]:
    if method not in _METHODS:
        raise refused(f"expected one of the methods {', '.join(sorted(_METHODS))}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise refused("expected header names and values of visible ASCII characters")
        if name.lower() in _OUR_HEADERS:
            raise refused(f"header `{name.lower()}` is not for the caller to set")
    ours = {"host": target.authority, "accept-encoding": "identity", "connection": "close"}
    return (
        {"user-agent": "iam", "accept": "*/*"} | {k.lower(): v for k, v in headers.items()} | ours
    )


async def _read(response: httpx2.Response, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":  # asked not to compress; what we do not unpack cannot be a bomb
        raise _failed("encoding", "the answer is compressed although that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise _failed("too_large", f"the answer is larger than {max_bytes} bytes")
    return bytes(body)


@cache  # the system's authorities take some 50 ms to load, and do not change
def _system_tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def _tls_with(ca_bundle: Path) -> ssl.SSLContext:
    context = httpx2.create_ssl_context(trust_env=False)
    try:
        context.load_verify_locations(ca_bundle)
    except OSError as error:  # ssl.SSLError is one
        raise unavailable(
            "ca_bundle_unreadable", f"expected PEM certificates in `{ca_bundle}`"
        ) from error
    return context


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _private(target: Target) -> IamError:
    return refused(
        f"`{target.host}` is not a public address; an operator can open it with {SETTING}",
        setting=SETTING,
    )


def _plain(target: Target) -> IamError:
    return refused(
        f"expected https for `{target.host}`; plain http needs the host in {SETTING}, and "
        "IAM_ALLOW_HTTP_INTERNAL=1 if it is not loopback",
        setting=SETTING,
    )


def _failed(reason: str, message: str) -> IamError:
    return unavailable("outbound_failed", message, reason=reason)
