"""Known keys never wait, attempts are few, and the last good set serves for a day."""

import json
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from iam_sdk.errors import ConfigurationError, KeySetError, TokenInvalid, TransportError
from iam_sdk.jwks import KeyCache
from iam_sdk.jws import KeySet
from iam_sdk.testing import LocalIssuer, SigningKey
from iam_sdk.transport import HttpRequest, HttpResponse, drive, send_once
from tests.sdk.iam_sdk.conftest import Answer, Clock, HttpServer, Received

DAY = 24 * 60 * 60


def publish(server: HttpServer, issuer: LocalIssuer, **headers: str) -> None:
    server.answer = lambda _: Answer(200, json.dumps(issuer.jwks()).encode(), headers)


@pytest.fixture
def own_issuer() -> LocalIssuer:
    return LocalIssuer()


@pytest.fixture
def cache(server: HttpServer, clock: Clock, own_issuer: LocalIssuer) -> KeyCache:
    publish(server, own_issuer)
    return KeyCache(f"{server.url}/oauth2/jwks", clock=clock, spread=lambda: 0.5)


def settle(cache: KeyCache) -> None:
    """Wait until no flight is under way."""
    flight = cache._renewer._flight
    if flight is not None:
        flight.result(5)


def test_the_first_use_fetches_and_the_next_does_not(
    cache: KeyCache, server: HttpServer, own_issuer: LocalIssuer
) -> None:
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)
    assert [request.path for request in server.received] == ["/oauth2/jwks"]


@pytest.mark.anyio
async def test_the_first_use_on_an_event_loop_fetches_too(
    cache: KeyCache, server: HttpServer, own_issuer: LocalIssuer
) -> None:
    assert own_issuer.key.kid in await cache.keys_for_async(own_issuer.key.kid)
    assert own_issuer.key.kid in await cache.keys_for_async(own_issuer.key.kid)
    assert len(server.received) == 1


def test_a_due_set_is_renewed_in_the_background(
    cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    first = own_issuer.key.kid
    cache.keys_for(first)
    added = own_issuer.rotate().kid
    publish(server, own_issuer)
    clock.advance(299)
    assert added not in cache.keys_for(first)
    assert len(server.received) == 1
    clock.advance(1)
    cache.keys_for(first)
    settle(cache)
    assert len(server.received) == 2
    assert added in cache.keys_for(first)


def test_a_key_that_appears_is_found_at_once(
    cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    cache.keys_for(own_issuer.key.kid)
    clock.advance(31)
    added = own_issuer.rotate().kid
    publish(server, own_issuer)
    assert added in cache.keys_for(added)


def test_jk_05_random_key_ids_cost_one_fetch_per_cool_down(
    cache: KeyCache, server: HttpServer, clock: Clock
) -> None:
    for number in range(10_000):
        cache.keys_for(f"random-{number}")
        clock.advance(60 / 10_000)
    assert len(server.received) <= 3


def test_jk_06_without_any_keys_the_issuer_is_asked_again_soon_and_then_ever_less_often(
    cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    server.answer = lambda _: Answer(503)
    asked: list[int] = []
    for second in range(100):
        before = len(server.received)
        with pytest.raises(TokenInvalid, match="jwks_unavailable"):
            cache.keys_for("any")
        asked += [second] * (len(server.received) - before)
        clock.advance(1)
    assert asked == [0, 1, 3, 7, 15, 31, 61, 91]
    publish(server, own_issuer)
    clock.advance(30)
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)
    # With keys at hand the long cool-down holds, as for any key that is not known.
    count = len(server.received)
    for _ in range(29):
        clock.advance(1)
        cache.keys_for("random")
    assert len(server.received) == count


@pytest.mark.parametrize("answer", [Answer(503), Answer(200, b"<html>")])
def test_jk_06_a_failing_issuer_is_asked_once_per_cool_down(
    answer: Answer, cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    known = own_issuer.key.kid
    cache.keys_for(known)
    server.answer = lambda _: answer
    for number in range(1_000):
        cache.keys_for(f"random-{number}")
        assert known in cache.keys_for(known)
        clock.advance(60 / 1_000)
    settle(cache)
    assert len(server.received) <= 1 + 3


def test_jk_06_a_refused_connection_counts_as_an_attempt(clock: Clock) -> None:
    attempts: list[HttpRequest] = []

    def unreachable(request: HttpRequest) -> HttpResponse:
        attempts.append(request)
        raise TransportError("unreachable")

    cache = KeyCache("https://iam.test/jwks", send=unreachable, clock=clock)
    for _ in range(100):
        with pytest.raises(TokenInvalid, match=r"^jwks_unavailable$"):
            cache.keys_for("kid")
    assert len(attempts) == 1
    clock.advance(30)
    with pytest.raises(TokenInvalid):
        cache.keys_for("kid")
    assert len(attempts) == 2


def test_jk_07_known_keys_do_not_wait_for_a_fetch_that_hangs(
    cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    known = own_issuer.key.kid
    cache.keys_for(known)
    server.answer = lambda _: Answer(after=30)
    clock.advance(31)
    unknown = threading.Thread(target=cache.keys_for, args=("unknown",))
    unknown.start()
    while len(server.received) < 2:
        time.sleep(0.001)
    assert cache._renewer._flight is not None
    for _ in range(1_000):
        assert known in cache.keys_for(known)
    # The fetch still hangs: nothing above has waited for it.
    assert cache._renewer._flight is not None
    unknown.join(30)
    assert not unknown.is_alive()
    settle(cache)
    assert isinstance(cache.failure, TransportError)


@pytest.mark.parametrize("answer", [Answer(after=30), Answer(200, b"[" * 1000, drip=0.05)])
def test_jk_07_a_fetch_is_cut_at_its_deadline(answer: Answer, server: HttpServer) -> None:
    server.answer = lambda _: answer
    with pytest.raises(TransportError, match=r"^timeout"):
        send_once(HttpRequest("GET", server.url, timeout=0.3))
    assert len(server.received) == 1


def test_jk_07_a_head_that_drips_is_cut_too(server: HttpServer) -> None:
    server.answer = lambda _: Answer(200, drip=0.05)
    started = time.monotonic()
    with pytest.raises(TransportError, match=r"^timeout"):
        send_once(HttpRequest("GET", server.url, timeout=0.3))
    assert time.monotonic() - started < 30


def many_keys(count: int) -> bytes:
    jwk = dict(SigningKey.generate().jwk)
    return json.dumps({"keys": [jwk] * count}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"{}"),
        Answer(200, b'{"keys":[]}'),
        Answer(200, b"<html></html>", {"content-type": "text/html"}),
        Answer(200, b" " * (10 * 1024 * 1024)),
        Answer(200, many_keys(100_000)),
        Answer(200, many_keys(51)),
        Answer(200, b"\x1f\x8b\x08\x00" + bytes(100), {"content-encoding": "gzip"}),
        Answer(302, b"", {"location": "https://other.test/jwks"}),
        Answer(304),
        Answer(404),
        Answer(200, b'{"keys":[],"keys":[]}'),
    ],
    ids=[
        "no set", "empty", "html", "10 MiB", "100,000 keys", "51 keys", "gzip", "redirect",
        "304 to nothing", "404", "duplicate member",
    ],
)  # fmt: skip
def test_jk_08_a_bad_answer_leaves_the_old_set(
    answer: Answer, cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    known = own_issuer.key.kid
    cache.keys_for(known)
    server.answer = lambda _: answer
    clock.advance(31)
    assert known in cache.keys_for("unknown")
    if answer.status != 304:
        assert isinstance(cache.failure, KeySetError | TransportError)
    publish(server, own_issuer)
    clock.advance(31)
    cache.keys_for("unknown")
    assert cache.failure is None


def test_jk_08_a_304_to_the_first_request_is_no_set(server: HttpServer, clock: Clock) -> None:
    server.answer = lambda _: Answer(304)
    cache = KeyCache(server.url, clock=clock)
    with pytest.raises(TokenInvalid, match=r"^jwks_unavailable$"):
        cache.keys_for("kid")


def test_jk_09_an_unusable_key_is_skipped(
    cache: KeyCache, server: HttpServer, own_issuer: LocalIssuer
) -> None:
    body = json.dumps({"keys": [{"kty": "AKP", "kid": "pq"}, *own_issuer.jwks()["keys"]]})
    server.answer = lambda _: Answer(200, body.encode())
    assert list(cache.keys_for("pq")) == [own_issuer.key.kid]


def test_jk_10_private_members_are_refused_with_an_alarm(
    cache: KeyCache,
    server: HttpServer,
    clock: Clock,
    own_issuer: LocalIssuer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = own_issuer.key.kid
    cache.keys_for(known)
    leaked = dict(own_issuer.key.jwk) | {"d": "c2VjcmV0"}
    server.answer = lambda _: Answer(200, json.dumps({"keys": [leaked]}).encode())
    clock.advance(31)
    assert known in cache.keys_for("unknown")
    assert isinstance(cache.failure, KeySetError)
    assert [(r.levelname, "private_members" in r.message) for r in caplog.records] == [
        ("ERROR", True)
    ]
    assert "c2VjcmV0" not in caplog.text


def test_jk_11_after_a_day_without_the_issuer_verification_fails_closed(
    cache: KeyCache, server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    known = own_issuer.key.kid
    cache.keys_for(known)
    server.answer = lambda _: Answer(503)
    clock.advance(DAY - 1)
    assert known in cache.keys_for(known)
    settle(cache)
    clock.advance(1)
    for _ in range(20):
        with pytest.raises(TokenInvalid, match=r"^jwks_stale$"):
            cache.keys_for(known)
    clock.advance(31)
    publish(server, own_issuer)
    assert known in cache.keys_for(known)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://iam.test/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.evil.test/jwks",
        "http://127.0.0.1.evil.test/jwks",
        "ftp://localhost/jwks",
        "https://user:secret@iam.test/jwks",
        "https:///jwks",
        "https://iam.test:port/jwks",
        "jwks",
        "",
    ],
)
def test_jk_12_an_address_not_to_be_trusted_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        KeyCache(url)
    assert "secret" not in str(refusal.value)


def test_jk_12_plain_http_inside_needs_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="IAM_ALLOW_HTTP_INTERNAL"):
        KeyCache("http://iam:8000/jwks")
    KeyCache("http://iam:8000/jwks", allow_http_internal=True)
    for url in ("https://iam.test/jwks", "http://localhost:1/jwks", "http://[::1]:1/jwks"):
        KeyCache(url)


def test_jk_13_a_certificate_that_nobody_vouches_for_is_a_failure(
    server: HttpServer, clock: Clock, own_issuer: LocalIssuer, tmp_path: Path
) -> None:
    publish(server, own_issuer)
    serve_tls(server, tmp_path)
    cache = KeyCache(server.url.replace("http:", "https:"), clock=clock)
    with pytest.raises(TokenInvalid, match=r"^jwks_unavailable$"):
        cache.keys_for("kid")
    assert isinstance(cache.failure, TransportError)
    assert server.received == []


def test_jk_13_a_certificate_of_the_named_authority_is_trusted(
    server: HttpServer, clock: Clock, own_issuer: LocalIssuer, tmp_path: Path
) -> None:
    publish(server, own_issuer)
    authority = serve_tls(server, tmp_path)
    url = server.url.replace("http:", "https:")
    cache = KeyCache(url, clock=clock, send=lambda r: send_once(r, str(authority)))
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)


def serve_tls(server: HttpServer, folder: Path) -> Path:
    """Put the server behind a self-signed certificate for 127.0.0.1; return its file."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - OpenSSL reads the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    chain, secret = folder / "server.pem", folder / "server.key"
    chain.write_bytes(certificate.public_bytes(encoding))
    secret.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    listening = server._server
    listening.socket = context.wrap_socket(
        listening.socket, server_side=True, do_handshake_on_connect=False
    )
    return chain


def test_jk_14_an_unchanged_set_is_not_sent_again(
    server: HttpServer, clock: Clock, own_issuer: LocalIssuer
) -> None:
    body = json.dumps(own_issuer.jwks()).encode()

    def answer(request: Received) -> Answer:
        same = request.headers.get("if-none-match") == '"v1"'
        return Answer(304 if same else 200, b"" if same else body, {"etag": '"v1"'})

    server.answer = answer
    cache = KeyCache(server.url, clock=clock, spread=lambda: 0.5)
    cache.keys_for(own_issuer.key.kid)
    for _ in range(3):
        clock.advance(300)
        cache.keys_for(own_issuer.key.kid)
        settle(cache)
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)
    assert cache.failure is None
    assert [r.headers.get("if-none-match") for r in server.received] == [None, *['"v1"'] * 3]


@pytest.mark.parametrize(
    ("cache_control", "spread", "interval"),
    [
        ("max-age=0", 0.5, 60),
        ("public, max-age=0", 0.0, 60),
        ("max-age=100", 0.5, 100),
        ("public, max-age=300, stale-if-error=86400", 0.5, 300),
        ("max-age=99999999", 0.5, 300),
        ("max-age=99999999999999999999", 0.5, 300),
        ("no-store", 0.0, 240),
        ("s-maxage=5", 1.0, 360),
    ],
)
def test_jk_14_the_interval_has_a_floor_and_a_spread(
    cache_control: str,
    spread: float,
    interval: float,
    server: HttpServer,
    clock: Clock,
    own_issuer: LocalIssuer,
) -> None:
    publish(server, own_issuer, **{"cache-control": cache_control})
    cache = KeyCache(server.url, clock=clock, spread=lambda: spread)
    cache.keys_for(own_issuer.key.kid)
    clock.advance(interval - 0.01)
    cache.keys_for(own_issuer.key.kid)
    settle(cache)
    assert len(server.received) == 1
    clock.advance(0.01)
    cache.keys_for(own_issuer.key.kid)
    settle(cache)
    assert len(server.received) == 2


def test_jv_07_a_tainted_key_is_refused_at_once(cache: KeyCache, own_issuer: LocalIssuer) -> None:
    first, second = own_issuer.key.kid, own_issuer.rotate().kid
    assert set(cache.keys_for(first)) == {first, second}
    cache.taint(first)
    assert set(cache.keys_for(first)) == {second}


def test_many_threads_share_one_flight(
    cache: KeyCache, server: HttpServer, own_issuer: LocalIssuer
) -> None:
    body = json.dumps(own_issuer.jwks()).encode()
    server.answer = lambda _: Answer(200, body, after=0.1)
    seen: list[KeySet] = []
    threads = [
        threading.Thread(target=lambda: seen.append(cache.keys_for(own_issuer.key.kid)))
        for _ in range(32)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.received) == 1
    assert [own_issuer.key.kid in keys for keys in seen] == [True] * 32


def test_a_flight_lost_in_a_fork_does_not_block_for_ever(
    cache: KeyCache, clock: Clock, own_issuer: LocalIssuer
) -> None:
    from concurrent.futures import Future

    lost: Future[None] = Future()
    cache._renewer._flight = lost
    cache._renewer.slot.begin(clock())
    clock.advance(31)
    assert own_issuer.key.kid in cache.keys_for(own_issuer.key.kid)


def test_a_flow_does_no_io_of_its_own(own_issuer: LocalIssuer) -> None:
    from iam_sdk.jwks import fetch_keys

    body = json.dumps(own_issuer.jwks()).encode()
    seen: list[Any] = []

    def send(request: HttpRequest) -> HttpResponse:
        seen.append((request.method, request.url))
        return HttpResponse(200, {}, body)

    published = drive(fetch_keys("https://iam.test/jwks", None), send)
    assert own_issuer.key.kid in published.keys
    assert seen == [("GET", "https://iam.test/jwks")]
