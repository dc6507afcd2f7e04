import ast
import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import iam
from iam.errors import ErrorKind, IamError
from iam.kit.outbound import Outbound, Resolver, _system_tls, resolve_by_system

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Receiver:
    """A real server on loopback that answers as it is told, and remembers what it was sent."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    answer: bytes | Answer, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            receiver.requests.append(head + await reader.readexactly(length))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up, as it should
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


@asynccontextmanager
async def calling(
    *allow: str,
    ca_bundle: Path | None = None,
    allow_http: bool = False,
    resolver: Resolver | None = None,
) -> AsyncIterator[Outbound]:
    outbound = Outbound(
        allow=allow,
        ca_bundle=ca_bundle,
        allow_http=allow_http,
        resolver=resolver or resolve_by_system,
    )
    try:
        yield outbound
    finally:
        await outbound.aclose()


@dataclass
class Resolves:
    """Answers one question after the other with the next list of addresses; the last one stays."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def refusal(code: str, kind: ErrorKind) -> AsyncIterator[pytest.ExceptionInfo[IamError]]:
    with pytest.raises(IamError) as caught:
        yield caught
    assert (caught.value.kind, caught.value.code) == (kind, code)


def refused() -> AbstractAsyncContextManager[pytest.ExceptionInfo[IamError]]:
    return refusal("outbound_refused", ErrorKind.INVALID)


@asynccontextmanager
async def failed(reason: str) -> AsyncIterator[pytest.ExceptionInfo[IamError]]:
    async with refusal("outbound_failed", ErrorKind.UNAVAILABLE) as caught:
        yield caught
    assert caught.value.detail == {"reason": reason}


async def test_an_allow_listed_receiver_is_called_and_its_answer_returned() -> None:
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX-Thing: a\r\n\r\nbody"
    async with serving(answer) as receiver, calling(*LOOPBACK) as outbound:
        result = await outbound.fetch(
            f"{receiver.url}/hook?a=b",
            method="POST",
            headers={"Webhook-Id": "evt_1"},
            content=b"{}",
        )

    assert (result.status, result.body, result.headers["x-thing"]) == (201, b"body", "a")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert f"\r\nhost: 127.0.0.1:{receiver.port}\r\n".encode() in head.lower()
    assert b"\r\nwebhook-id: evt_1\r\n" in head.lower() + b"\r\n"
    assert b"\r\naccept-encoding: identity\r\n" in head.lower() + b"\r\n"
    assert body == b"{}"


async def test_no_connection_is_kept_for_another_name_at_the_same_address() -> None:
    connections: list[object] = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("peername"))
        writer.write(OK)
        await writer.drain()

    async with serving(answer) as receiver, calling(*LOOPBACK) as outbound:
        await outbound.fetch(receiver.url)
        await outbound.fetch(receiver.url)

    assert len(set(connections)) == 2
    assert b"connection: close" in receiver.requests[0].lower()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://198.18.0.1/",
        "https://224.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        "https://api.localhost/",
        "https://metadata.google.internal/",
        "https://stack_receiver/",
        "https://db/",
    ],
)
async def test_wh_01_an_internal_target_is_refused_at_save_and_at_send_naming_the_setting(
    url: str,
) -> None:
    resolver = Resolves([["127.0.0.1"]])
    async with calling(resolver=resolver) as outbound:
        with pytest.raises(IamError, match="IAM_OUTBOUND_ALLOW") as at_save:
            outbound.check_url(url)
        async with refused():
            await outbound.check(url)
        async with refused() as at_send:
            await outbound.fetch(url)

    assert at_save.value.code == "outbound_refused"
    assert at_send.value.detail == {"setting": "IAM_OUTBOUND_ALLOW"}
    assert resolver.asked == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.5"], ["fd00::1"], ["1.1.1.1", "10.0.0.5"], ["::ffff:10.0.0.5"]],
)
async def test_wh_02_a_public_name_that_leads_inside_is_refused_at_save_and_at_send(
    addresses: list[str],
) -> None:
    async with calling(resolver=Resolves([addresses])) as outbound:
        outbound.check_url("https://localtest.me/")
        async with refused():
            await outbound.check("https://localtest.me/")
        async with refused() as at_send:
            await outbound.fetch("https://localtest.me/")

    assert "IAM_OUTBOUND_ALLOW" in at_send.value.message
    assert not any(address in at_send.value.message for address in addresses)


async def test_wh_01_a_local_name_is_refused_even_where_it_resolves_to_a_public_address() -> None:
    async with calling(*LOOPBACK, resolver=Resolves([["1.1.1.1"]])) as outbound, refused():
        await outbound.check("https://stack_receiver/")


async def test_wh_01_a_name_that_is_listed_opens_its_private_addresses() -> None:
    async with (
        serving(OK) as receiver,
        calling("receiver", resolver=Resolves([["127.0.0.1"]])) as outbound,
    ):
        result = await outbound.fetch(f"http://receiver:{receiver.port}/")

    assert result.body == b"ok"


async def test_wh_03_a_name_is_resolved_once_and_the_judged_address_is_the_one_called() -> None:
    async with serving(OK) as receiver:
        resolver = Resolves([["127.0.0.1"], ["127.0.0.2"]])
        async with calling("127.0.0.1", resolver=resolver) as outbound:
            result = await outbound.fetch(f"http://rebind.example:{receiver.port}/")

    assert (result.status, resolver.asked) == (200, ["rebind.example"])
    assert f"host: rebind.example:{receiver.port}".encode() in receiver.requests[0].lower()


async def test_wh_03_a_name_that_was_public_when_saved_and_is_internal_now_is_refused() -> None:
    async with serving(OK) as receiver:
        resolver = Resolves([["1.1.1.1"], ["127.0.0.1"]])
        async with calling(resolver=resolver) as outbound:
            url = f"https://rebind.example:{receiver.port}/"
            await outbound.check(url)
            async with refused():
                await outbound.fetch(url)

    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_wh_04_a_redirect_is_an_answer_and_not_followed(status: int) -> None:
    async with serving(OK) as inside:
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {inside.url}/\r\nContent-Length: 0\r\n\r\n"
        async with serving(answer.encode()) as receiver, calling(*LOOPBACK) as outbound:
            result = await outbound.fetch(receiver.url)

    assert result.status == status
    assert inside.requests == []


@pytest.mark.parametrize(
    "url",
    ["gopher://127.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "unix:/run/x.sock"]
    + ["https://user:pw@127.0.0.1/"]
    + [f"http://127.0.0.1:{port}/" for port in (22, 25, 6379)],
)
async def test_wh_05_an_allow_list_does_not_open_other_schemes_credentials_or_ports(
    url: str,
) -> None:
    async with calling(*LOOPBACK, allow_http=True) as outbound:
        async with refused():
            outbound.check_url(url)
        async with refused():
            await outbound.fetch(url)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\nb"},
        {"X-A\r\nX-B": "b"},
        {"X A": "b"},
        {"": "b"},
        {"X-A": "\0"},
        {"X-A": "é"},
    ],
)
async def test_wh_06_a_line_end_in_a_header_is_refused(headers: dict[str, str]) -> None:
    async with (
        serving(OK) as receiver,
        calling(*LOOPBACK) as outbound,
        refused(),
    ):
        await outbound.fetch(receiver.url, headers=headers)

    assert receiver.requests == []


@pytest.mark.parametrize("name", ["Host", "accept-encoding", "Content-Length", "TRANSFER-ENCODING"])
async def test_wh_06_headers_that_frame_the_message_are_not_for_the_caller(name: str) -> None:
    async with calling(*LOOPBACK) as outbound, refused():
        await outbound.fetch("http://127.0.0.1:8080/", headers={name: "x"})


async def test_an_unknown_method_is_refused() -> None:
    async with calling(*LOOPBACK) as outbound, refused():
        await outbound.fetch("http://127.0.0.1:8080/", method="CONNECT")


async def drip_head(writer: asyncio.StreamWriter) -> None:
    for byte in OK * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def never_answer(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("answer", [never_answer, drip_head, drip_body])
async def test_wh_07_a_receiver_that_does_not_finish_is_cut_at_the_deadline(answer: Answer) -> None:
    async with serving(answer) as receiver, calling(*LOOPBACK) as outbound:
        began = time.monotonic()
        async with failed("timeout"):
            await outbound.fetch(receiver.url, timeout=0.2)

        assert 0.15 < time.monotonic() - began < 30


async def test_wh_07_a_resolver_that_does_not_answer_is_cut_at_the_deadline() -> None:
    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    async with calling(resolver=hang) as outbound, failed("timeout"):
        await outbound.fetch("https://example.com/", timeout=0.1)


async def test_wh_07_an_endless_body_is_cut_soon_after_the_bound() -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with (
        serving(flood) as receiver,
        calling(*LOOPBACK) as outbound,
        failed("too_large"),
    ):
        await outbound.fetch(receiver.url)

    assert sent < 64 * 1024 * 1024  # socket buffers, not ten gibibytes


@pytest.mark.parametrize(("size", "accepted"), [(100, True), (101, False)])
async def test_wh_07_a_body_may_fill_the_bound_exactly(size: int, accepted: bool) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
        size,
        b"x" * size,
    )
    async with serving(answer) as receiver, calling(*LOOPBACK) as outbound:
        if accepted:
            assert len((await outbound.fetch(receiver.url, max_bytes=100)).body) == size
        else:
            async with failed("too_large"):
                await outbound.fetch(receiver.url, max_bytes=100)


async def test_wh_07_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    async with (
        serving(head.encode() + bomb) as receiver,
        calling(*LOOPBACK) as outbound,
        failed("encoding"),
    ):
        await outbound.fetch(receiver.url)


async def test_wh_07_a_call_that_wants_no_body_ends_with_the_status() -> None:
    async with serving(drip_body) as receiver, calling(*LOOPBACK) as outbound:
        result = await outbound.fetch(receiver.url, timeout=1, read_body=False)

    assert (result.status, result.body) == (200, b"")


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"],
)
async def test_an_answer_that_is_not_http_or_breaks_off_has_failed(answer: bytes) -> None:
    async with (
        serving(answer) as receiver,
        calling(*LOOPBACK) as outbound,
        failed("protocol") as caught,
    ):
        await outbound.fetch(receiver.url)

    assert "SSH" not in caught.value.message  # no reading of what only we can reach


async def test_a_closed_port_has_failed() -> None:
    async with serving(OK) as receiver:
        pass
    async with calling(*LOOPBACK) as outbound, failed("connect"):
        await outbound.fetch(receiver.url)


async def test_the_next_address_is_tried_where_one_accepts_no_connection() -> None:
    resolver = Resolves([["127.0.0.99", "127.0.0.1"]])  # the server listens on the second alone
    async with serving(OK) as receiver, calling(*LOOPBACK, resolver=resolver) as outbound:
        result = await outbound.fetch(f"http://receiver.example:{receiver.port}/")

    assert result.status == 200


@contextmanager
def swallowing(address: str, port: int) -> Iterator[None]:
    """A listening socket whose queue is full: the kernel drops further connection attempts."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield


async def test_an_address_that_swallows_connections_leaves_time_for_the_next() -> None:
    resolver = Resolves([["127.0.0.99", "127.0.0.1"]])
    async with serving(OK) as receiver, calling(*LOOPBACK, resolver=resolver) as outbound:
        with swallowing("127.0.0.99", receiver.port):
            result = await outbound.fetch(f"http://x.example:{receiver.port}/", timeout=2)

    assert result.status == 200


async def test_the_last_address_that_swallows_connections_is_a_timeout() -> None:
    resolver = Resolves([["127.0.0.98", "127.0.0.99"]])
    async with serving(OK) as receiver, calling(*LOOPBACK, resolver=resolver) as outbound:
        with swallowing("127.0.0.99", receiver.port):
            async with failed("timeout"):
                await outbound.fetch(f"http://x.example:{receiver.port}/", timeout=0.4)


async def test_a_name_that_does_not_resolve_has_failed() -> None:
    async def nothing(_host: str, _port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    for resolver in (nothing, Resolves([[]])):
        async with calling(resolver=resolver) as outbound:
            async with failed("resolve"):
                await outbound.check("https://nowhere.example/")
            async with failed("resolve"):
                await outbound.fetch("https://nowhere.example/")


async def test_the_system_resolves_an_address_to_itself() -> None:
    assert await resolve_by_system("127.0.0.1", 443) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("allow", "allow_http"),
    [((), True), (("10.0.0.0/8",), True), (("example.com",), False)],
)
async def test_plain_http_is_refused_where_the_target_is_not_both_listed_and_permitted(
    allow: tuple[str, ...], allow_http: bool
) -> None:
    resolver = Resolves([["1.1.1.1"]])
    async with (
        calling(*allow, allow_http=allow_http, resolver=resolver) as outbound,
        refused() as caught,
    ):
        await outbound.check("http://example.com/")

    assert "expected https" in caught.value.message


async def test_plain_http_inside_needs_its_own_permission_except_on_loopback() -> None:
    resolver = Resolves([["10.0.0.5"]])
    async with calling("10.0.0.0/8", "127.0.0.1", allow_http=True, resolver=resolver) as permitted:
        permitted.check_url("http://10.0.0.5/")
        await permitted.check("http://receiver/")
    async with calling("10.0.0.0/8", "127.0.0.1", resolver=resolver) as strict:
        strict.check_url("http://127.0.0.1/")
        async with refused():
            strict.check_url("http://10.0.0.5/")
        async with refused():
            await strict.check("http://receiver/")


@dataclass
class Authority:
    """A certificate authority of its own and a server certificate for `receiver.example`."""

    bundle: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("tls")
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    today = datetime.now(UTC)  # noqa: TID251  # OpenSSL compares with the machine's clock

    def certificate(
        name: x509.Name, public_key: ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType
    ) -> bytes:
        builder = x509.CertificateBuilder(
            issuer_name=root_name,
            subject_name=name,
            public_key=public_key,
            serial_number=x509.random_serial_number(),
            not_valid_before=today - timedelta(days=1),
            not_valid_after=today + timedelta(days=1),
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    bundle, chain = directory / "ca.pem", directory / "server.pem"
    bundle.write_bytes(
        certificate(
            root_name,
            root_key.public_key(),
            x509.BasicConstraints(ca=True, path_length=0),
            x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()),
        )
    )
    chain.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate(
            x509.Name([]),
            key.public_key(),
            x509.SubjectAlternativeName([x509.DNSName("receiver.example")]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain)
    return Authority(bundle, server)


async def test_tls_verifies_the_name_while_the_connection_goes_to_the_judged_address(
    authority: Authority,
) -> None:
    async with (
        serving(OK, tls=authority.server) as receiver,
        calling(
            *LOOPBACK, ca_bundle=authority.bundle, resolver=Resolves([["127.0.0.1"]])
        ) as outbound,
    ):
        result = await outbound.fetch(f"https://receiver.example:{receiver.port}/")

    assert result.body == b"ok"
    assert f"host: receiver.example:{receiver.port}".encode() in receiver.requests[0].lower()


async def test_a_certificate_for_another_name_at_the_same_address_is_refused(
    authority: Authority,
) -> None:
    async with (
        serving(OK, tls=authority.server) as receiver,
        calling(
            *LOOPBACK, ca_bundle=authority.bundle, resolver=Resolves([["127.0.0.1"]])
        ) as outbound,
    ):
        await outbound.fetch(f"https://receiver.example:{receiver.port}/")
        async with failed("tls"):
            await outbound.fetch(f"https://other.example:{receiver.port}/")
        async with failed("tls"):
            await outbound.fetch(f"https://127.0.0.1:{receiver.port}/")

    assert len(receiver.requests) == 1


async def test_a_certificate_of_an_unknown_authority_is_refused_naming_the_setting(
    authority: Authority,
) -> None:
    async with (
        serving(OK, tls=authority.server) as receiver,
        calling(*LOOPBACK, resolver=Resolves([["127.0.0.1"]])) as outbound,
        failed("tls") as caught,
    ):
        await outbound.fetch(f"https://receiver.example:{receiver.port}/")

    assert "IAM_CA_BUNDLE" in caught.value.message
    assert receiver.requests == []


def test_a_ca_bundle_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    for _ in range(2):
        with pytest.raises(IamError, match=r"ca\.pem") as caught:
            Outbound(ca_bundle=bundle)
        assert caught.value.code == "ca_bundle_unreadable"
        bundle.write_text("no certificate")


HTTP_CLIENTS = {
    "httpx",
    "httpx2",
    "requests",
    "aiohttp",
    "urllib3",
    "urllib.request",
    "http.client",
}


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.update({node.module}, (f"{node.module}.{alias.name}" for alias in node.names))
    return names


def test_wh_13_no_other_module_of_the_server_makes_http_calls() -> None:
    root = Path(iam.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if not is_command_line(path) and imported_names(path) & HTTP_CLIENTS
    }

    assert found == {"kit/outbound.py"}


def is_command_line(path: Path) -> bool:
    """The command line is a client of our own API, run by an operator and not by the server."""
    return path.name in {"cli.py", "commands.py"} or path.parent.name == "terminal"


async def test_wh_14_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as receiver, serving(OK) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        async with calling(*LOOPBACK) as outbound:
            await outbound.fetch(receiver.url)

    assert (len(receiver.requests), proxy.requests) == (1, [])


async def test_wh_14_authorities_named_by_the_environment_are_ignored(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    _system_tls.cache_clear()
    async with (
        serving(OK, tls=authority.server) as receiver,
        calling(*LOOPBACK, resolver=Resolves([["127.0.0.1"]])) as outbound,
        failed("tls"),
    ):
        await outbound.fetch(f"https://receiver.example:{receiver.port}/")
