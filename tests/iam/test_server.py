"""The server process: how it starts, what it refuses to start with, how it ends."""

import asyncio
import re
import signal
import socket
import stat
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from structlog.testing import capture_logs

from iam.kit.secrets import SECRET_PATTERN
from iam.server import end_leftovers, warn_of_address
from iam.settings import read_settings
from tests.host import PATIENCE, Host, event_of

MASTER_KEY = "07" * 32


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


class TestAFirstStart:
    def test_it_says_where_it_serves_and_what_to_type_next_and_drains_on_sigterm(
        self, host: Host
    ) -> None:
        with host.serve() as served:
            answer = httpx2.get(f"{served.url}/v1/me")
            assert answer.status_code == 401
            assert "server" not in answer.headers
            assert served.ready["next_command"] == (
                f"IAM_DATA_DIR={host.data} iam bootstrap --local --service admin --save-profile"
            )
            assert served.stop() == 0
        assert event_of(served.lines[-1]) == "stopped"

    def test_sr_10_whatever_it_creates_is_private(self, host: Host) -> None:
        with host.serve():
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in host.data.iterdir()}
        assert {"iam.db", "iam.db-wal", "iam.db.lock", "master.key"} <= set(modes)
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE(host.data.stat().st_mode) == 0o700

    def test_sr_11_there_is_no_default_credential_and_nothing_secret_in_the_log(
        self, host: Host
    ) -> None:
        with host.serve() as served:
            token = f"{served.url}/oauth2/token"
            for name, secret in (("admin", "admin"), ("root", ""), ("iam", "iam")):
                form = {"grant_type": "client_credentials"}
                answer = httpx2.post(token, data=form, auth=(name, secret))
                assert answer.status_code == 401
        assert (host.data / "master.key").read_text().strip() not in served.log
        assert not re.search(SECRET_PATTERN, served.log)


class TestTheEnd:
    def test_f_27_it_is_not_ready_at_once_serves_on_and_answers_what_is_under_way(
        self, tmp_path: Path
    ) -> None:
        # Longer than the test takes on any machine: the second signal ends it.
        host = Host(tmp_path, {"IAM_DRAIN_NOTICE": "PT2M", "IAM_DRAIN": "PT20S"})
        with host.serve() as served, httpx2.Client(base_url=served.url) as kept:
            assert kept.get("/readyz").status_code == 200
            address = httpx2.URL(served.url)
            with socket.create_connection((address.host, address.port)) as under_way:
                body = b"grant_type=client_credentials"
                head = (
                    f"POST /oauth2/token HTTP/1.1\r\nHost: {address.host}\r\n"
                    "Content-Type: application/x-www-form-urlencoded\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                under_way.sendall(head.encode() + body[:5])
                served.process.send_signal(signal.SIGTERM)
                while (answer := kept.get("/readyz")).status_code == 200:
                    assert kept.get("/v1/me").status_code == 401
                assert answer.status_code == 503
                assert answer.headers["connection"] == "close"
                # Who has not noticed yet is served, on a new connection.
                assert kept.get("/v1/me").status_code == 401
                assert httpx2.get(f"{served.url}/livez").status_code == 200
                served.process.send_signal(signal.SIGTERM)
                under_way.sendall(body[5:])
                under_way.settimeout(PATIENCE)
                assert under_way.recv(64).startswith(b"HTTP/1.1 401 ")
            assert served.process.wait(PATIENCE) == 0


class TestTheLog:
    def test_lg_03_nothing_that_proves_or_grants_is_written(self, host: Host) -> None:
        canary = "canary-5e1b"
        with host.serve() as served:
            headers = {"Authorization": f"Bearer {canary}", "Cookie": f"sid={canary}"}
            for path in ("/v1/me", "/v1/me?code=", "/oauth2/token?id_token_hint=", "/nowhere?"):
                answer = httpx2.get(f"{served.url}{path}{canary}", headers=headers)
                assert answer.status_code in {400, 401, 404, 405}
                assert canary not in answer.text
            form = {
                "grant_type": "client_credentials",
                "client_id": canary,
                "client_secret": canary,
            }
            assertion = {"client_assertion": canary, "client_assertion_type": canary}
            for fields in (form, assertion, {**form, **assertion}):
                answer = httpx2.post(f"{served.url}/oauth2/token", data=fields)
                assert answer.status_code in {400, 401}
                assert canary not in answer.text
        assert canary not in served.log

    def test_al_03_no_request_writes_a_line_of_its_own(self, host: Host) -> None:
        forged = quote('\r\n{"event": "forged"}\x1b[2J\u2028', safe="")
        line_end = b'X-Request-ID: a\n{"event": "forged"}\r\nUser-Agent: \x1b[2J\r\n'
        with host.serve() as served:
            headers = {"User-Agent": '{"event": "forged"}', "X-Request-ID": '{"event": "forged"}'}
            for path in (f"/v1/users/{forged}", f"/{forged}", f"/v1/me?{forged}={forged}"):
                httpx2.get(f"{served.url}{path}", headers=headers)
            address = httpx2.URL(served.url)
            with socket.create_connection((address.host, address.port)) as raw:
                raw.sendall(b"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + line_end + b"\r\n")
                raw.shutdown(socket.SHUT_WR)
                assert b" 200 " not in raw.recv(64)
        assert served.lines
        assert all(event_of(line) not in {"", "forged"} for line in served.lines), served.log
        assert not set("\r\x1b\u2028") & set(served.log)


class TestRefusals:
    def test_f_36_a_second_server_on_the_same_database_is_refused(self, host: Host) -> None:
        with host.serve() as served:
            second = host.run("serve", "--port", "0")
            assert second.returncode == 6
            assert f"in use by server {served.process.pid}" in second.stderr
            assert httpx2.get(f"{served.url}/v1/me").status_code == 401

    def test_sr_04_the_wrong_master_key_is_refused_and_stays_as_it_is(self, host: Host) -> None:
        with host.serve():
            pass
        key = host.data / "master.key"
        key.write_text(MASTER_KEY)
        wrong = host.run("serve", "--port", "0")
        assert wrong.returncode == 78
        assert "the master key is not the one" in wrong.stderr
        assert key.read_text() == MASTER_KEY
        key.unlink()
        missing = host.run("serve", "--port", "0")
        assert missing.returncode == 78
        assert "No new key was made" in missing.stderr
        assert not key.exists()

    def test_all_wrong_settings_are_listed_at_once_without_their_values(self, host: Host) -> None:
        refused = host.run("serve", IAM_ISSUER="ftp://hidden", IAM_DATABASE_POOL="hidden")
        assert refused.returncode == 78
        assert "IAM_ISSUER: expected an http(s) URL" in refused.stderr
        assert "IAM_DATABASE_POOL" in refused.stderr
        assert "hidden" not in refused.stderr
        assert not host.data.exists()

    def test_a_port_that_is_taken_is_named(self, host: Host) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            refused = host.run("serve", "--port", str(port))
        assert refused.returncode == 78
        assert f"cannot listen on 127.0.0.1 port {port}" in refused.stderr

    def test_a_postgresql_that_does_not_answer_is_named_without_the_password(
        self, host: Host
    ) -> None:
        key = host.directory / "key"
        key.write_text(MASTER_KEY)
        key.chmod(0o600)
        refused = host.run(
            "serve",
            IAM_DATABASE_URL="postgresql+asyncpg://iam:hidden@127.0.0.1:1/iam",
            IAM_MASTER_KEY_FILE=str(key),
        )
        assert refused.returncode == 7
        assert "the database at `127.0.0.1:1` cannot be used" in refused.stderr
        assert "hidden" not in refused.stderr + refused.stdout


@pytest.mark.parametrize(("url", "expected"), [(None, 1), ("https://id.example", 0)])
def test_who_lets_other_machines_in_under_a_name_of_this_one_is_told_what_to_set(
    url: str | None, expected: int
) -> None:
    settings = read_settings(host="0.0.0.0", url=url)  # noqa: S104 -- nothing listens in this test
    with capture_logs() as lines:
        warn_of_address(settings)
    assert len(lines) == expected
    assert all("IAM_ISSUER" in line["advice"] for line in lines)


def test_f_27_what_ends_only_when_it_is_cancelled_twice_does_not_keep_the_process() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()  # as a connection of SQLite waits for its thread

    async def serve() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await end_leftovers(patience=timedelta(milliseconds=1))
        task.cancel()  # as the end of the event loop does
        assert await asyncio.wait({task}, timeout=30) == ({task}, set())

    asyncio.run(serve())
