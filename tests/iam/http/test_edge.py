"""The edge: what every answer carries, and what is refused before anything looks at it."""

from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from tests.world import Actor, World

pytestmark = [
    pytest.mark.anyio,
    # Nothing here depends on the database.
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]


class TestEveryAnswer:
    async def test_hd_09_carries_the_security_headers(self, world: World, admin: Actor) -> None:
        for answer in (
            await admin.http.get("/v1/users"),
            await world.http.get("/v1/users"),
            await world.http.get("/nowhere"),
        ):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["cache-control"] == "no-store"
            assert "server" not in answer.headers

    async def test_a_good_request_id_is_echoed_and_a_bad_one_replaced(self, world: World) -> None:
        good = await world.http.get("/nowhere", headers={"X-Request-ID": "abc-1"})
        bad = await world.http.get("/nowhere", headers={"X-Request-ID": "a b<script>"})
        assert good.headers["x-request-id"] == good.json()["request_id"] == "abc-1"
        assert bad.headers["x-request-id"].startswith("req_")

    async def test_what_nobody_caught_is_an_opaque_500(
        self, admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("SELECT secret FROM somewhere")

        monkeypatch.setattr("iam.features.users.service.list_users", broken)
        answer = await admin.http.get("/v1/users", headers={"X-Request-ID": "abc-2"})
        assert answer.status_code == 500
        assert answer.json()["request_id"] == "abc-2"
        assert "secret" not in answer.text

    async def test_hd_05_a_line_end_makes_no_header(self, world: World) -> None:
        async def as_sent(scope: Scope, receive: Receive, send: Send) -> None:
            # A client library would not send it.
            forged = (b"x-request-id", b"a\r\nset-cookie: sid=evil")
            await world.app({**scope, "headers": [*scope["headers"], forged]}, receive, send)

        async with world.client_of(as_sent) as http:
            answer = await http.get("/v1/users")
        assert answer.headers["x-request-id"].startswith("req_")
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8080"])
    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
    @pytest.mark.parametrize("path", ["/v1/me", "/v1/users", "/oauth2/token", "/v1/decisions"])
    async def test_hd_10_no_page_of_another_origin_may_read_it(
        self, admin: Actor, path: str, method: str, origin: str
    ) -> None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        answer = await admin.http.request(method, path, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]

    @pytest.mark.parametrize("path", ["/v1/me.css", "/v1/me;x.css", "/v1/me/x.css"])
    async def test_hd_13_no_cache_is_led_to_keep_what_is_somebodys_own(
        self, admin: Actor, path: str
    ) -> None:
        answer = await admin.http.get(path)
        assert answer.status_code == 404
        assert (await admin.http.get("/v1/me")).headers["cache-control"] == "no-store"

    async def test_hd_17_what_users_write_is_never_shown_as_a_page(self, admin: Actor) -> None:
        body = {"name": "a", "description": "<script>alert(1)</script>"}
        answer = await admin.http.post("/v1/users", json=body)
        assert answer.json()["description"] == body["description"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestRefused:
    @pytest.mark.parametrize("host", ["evil/health?x=", "a b", "", "evil\\x", "a,b", "[::1"])
    async def test_hd_01_a_host_that_is_no_host_name(self, world: World, host: str) -> None:
        answer = await world.http.get("/v1/users", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "host_invalid")

    async def test_hd_01_two_hosts(self, world: World) -> None:
        answer = await world.http.get("/v1/users", headers=[("Host", "a"), ("Host", "b")])
        assert (answer.status_code, answer.json()["code"]) == (400, "host_invalid")

    @pytest.mark.parametrize(
        "path", ["//v1/users", "/v1//users", "/v1/./users", "/v1/users/..", "/v1\\users"]
    )
    async def test_hd_02_a_path_that_is_not_canonical(
        self, world: World, admin: Actor, path: str
    ) -> None:
        async def as_sent(scope: Scope, receive: Receive, send: Send) -> None:
            # A client library would tidy the path up before it is sent.
            await world.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

        async with world.client_of(as_sent, admin.token) as http:
            assert (await http.get("/v1/users")).status_code == 404

    async def test_hd_02_an_upper_case_path_is_another_path(self, admin: Actor) -> None:
        assert (await admin.http.get("/V1/users")).status_code == 404

    async def test_hd_04_no_header_overrides_method_path_or_caller(
        self, world: World, admin: Actor
    ) -> None:
        nobody = await world.actor()
        headers = {
            "X-HTTP-Method-Override": "DELETE",
            "X-HTTP-Method": "DELETE",
            "X-Original-URL": "/nowhere",
            "X-Rewrite-URL": "/nowhere",
            "X-User": admin.id,
            "X-Forwarded-User": admin.arn,
            "X-Tenant": "acme",
            "X-Real-IP": "203.0.113.9",
            "X-Forwarded-For": "203.0.113.9",
            "Forwarded": "for=203.0.113.9",
            "Connection": "authorization, keep-alive",
        }
        assert (await admin.http.get("/v1/users", headers=headers)).status_code == 200
        me = await nobody.http.get("/v1/me", headers=headers)
        assert (me.json()["sub"], me.json()["account"]) == (nobody.id, "main")
        assert (await nobody.http.get("/v1/users", headers=headers)).status_code == 403
        refusal = (await world.events())[-1]
        assert refusal.actor_id == nobody.id
        assert refusal.source_address != "203.0.113.9"

    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS"])
    async def test_hd_18_unwanted_methods(self, admin: Actor, method: str) -> None:
        for path in ("/v1/users", "/v1/decisions", "/oauth2/token", "/oauth2/jwks", "/readyz"):
            answer = await admin.http.request(method, path)
            assert answer.status_code == 405, path
            assert admin.token not in answer.text  # TRACE would send it back

    async def test_ds_11_an_endless_address_and_endless_headers(self, admin: Actor) -> None:
        long = await admin.http.get("/v1/users?x=" + "a" * 9000)
        many = await admin.http.get("/v1/users", headers=[(f"x-{n}", "1") for n in range(150)])
        wide = await admin.http.get("/v1/users", headers={"X-Wide": "a" * 20_000})
        assert (long.status_code, long.json()["code"]) == (414, "uri_too_long")
        assert (many.status_code, many.json()["code"]) == (431, "headers_too_many")
        assert (wide.status_code, wide.json()["code"]) == (431, "header_too_large")

    @pytest.mark.parametrize("token", ["a" * 20_000, "a.b.c.d.e", "e30." * 3_000])
    async def test_ds_06_a_token_that_is_none_is_refused_by_its_size_or_form(
        self, world: World, token: str
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await world.http.get("/v1/users", headers=headers)
        assert answer.status_code in {401, 431}
        assert token not in answer.text

    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/form-data; boundary=" + "b" * 10_000,
            "application/json" + ';a="' * 3_000,
            "application/" + "x+" * 5_000 + "json",
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/users", "/v1/decisions", "/oauth2/token"])
    async def test_ds_08_ds_10_a_content_type_that_nobody_means(
        self, admin: Actor, path: str, content_type: str
    ) -> None:
        parts = b"--b\r\n\r\nx\r\n" * 1_000
        headers = {"Content-Type": content_type}
        answer = await admin.http.post(path, content=parts, headers=headers)
        assert answer.status_code in {400, 415}

    async def test_ds_18_ds_20_long_texts_are_refused_before_they_are_looked_at(
        self, admin: Actor
    ) -> None:
        bodies = [
            {"name": "e" + "\u0301" * 100_000},
            {"name": "a", "email": "a" * 100_000},
            {"name": "a", "email": "@" * 100_000},
            {"name": "a", "path": "/" + "a/" * 50_000},
            {"name": "a", "tags": {"k" * 100_000: "v"}},
        ]
        answers = [await admin.http.post("/v1/users", json=body) for body in bodies]
        assert {answer.status_code for answer in answers} <= {400, 422}
        assert all(len(answer.content) < 2_000 for answer in answers)

    async def test_a_nul_in_the_query(self, admin: Actor) -> None:
        answer = await admin.http.get("/v1/audit-events?actor=%00")
        assert (answer.status_code, answer.json()["code"]) == (400, "query_invalid")

    async def test_ds_04_a_compressed_body(self, admin: Actor) -> None:
        answer = await admin.http.post(
            "/v1/users", content=b"x", headers={"Content-Encoding": "gzip"}
        )
        assert answer.status_code == 415

    async def test_ds_01_a_body_that_is_too_large_declared_or_not(self, admin: Actor) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 100_000

        declared = await admin.http.post("/v1/users", content=b" " * 1_500_000)
        chunked = await admin.http.post("/v1/users", content=chunks())
        assert [declared.status_code, chunked.status_code] == [413, 413]


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"name":"a","name":"b"}',
            b'{"name":"\\ud800"}',
            b'{"name":NaN}',
            b'{"name":1e400}',
            b"[" * 100_000,
            b'{"name":' + b"9" * 5000 + b"}",
            b'{"name":"\xff"}',
            b'\xef\xbb\xbf{"name":"a"}',
            '{"name":"a"}'.encode("utf-16"),
            b'{"name":"a"',
            b'{"name":"a","display_name":"x\\u0000"}',
            b'{"name":"a","tags":{"\\u0000":"x"}}',
        ],
    )
    async def test_ds_01_aa_07_json_that_two_readers_could_read_differently(
        self, admin: Actor, body: bytes
    ) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await admin.http.post("/v1/users", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")

    async def test_an_escaped_backslash_before_u0000_is_plain_text(self, admin: Actor) -> None:
        body = b'{"name":"a","description":"\\\\u0000"}'
        headers = {"Content-Type": "application/json"}
        answer = await admin.http.post("/v1/users", content=body, headers=headers)
        assert answer.json()["description"] == "\\u0000"

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", ""])
    async def test_ss_11_a_body_that_a_web_page_could_send(
        self, admin: Actor, content_type: str
    ) -> None:
        answer = await admin.http.post(
            "/v1/users", content=b'{"name":"a"}', headers={"Content-Type": content_type}
        )
        assert answer.status_code == 415

    async def test_lg_02_a_refused_value_is_not_repeated(self, admin: Actor) -> None:
        canary = "canary-7f3a"
        answers = [
            await admin.http.post("/v1/users", json={"name": "a", "email": canary}),
            await admin.http.post("/v1/users", json={"name": "a", "tags": {"k": [canary]}}),
            await admin.http.post("/v1/users", json={"name": "a", "tags": {"k": canary + "\n"}}),
            await admin.http.post(
                "/v1/users",
                content=f'{{"name":"{canary}'.encode(),
                headers={"Content-Type": "application/json"},
            ),
        ]
        assert all(answer.status_code in {400, 422} for answer in answers)
        assert not any(canary in answer.text for answer in answers)
