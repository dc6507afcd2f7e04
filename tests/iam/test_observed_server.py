"""LG-01, LG-06, LG-07: a real server that logs, counts, pushes and traces, and tells no secret.

Everything that leaves it is kept: what it writes, what it pushes, its traces, what receivers of
webhooks get. Secrets are planted at random in every place of a request.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.host import PATIENCE, Host, Served, event_of


@dataclass
class Sink:
    """Takes what is sent to it, by its path."""

    url: str = ""
    bodies: dict[str, list[bytes]] = field(default_factory=dict)

    def all(self, path: str) -> bytes:
        """Everything that came there."""
        return b"\n".join(self.bodies.get(path, []))

    def trace_ids(self) -> set[str]:
        """The traces that came."""
        return {
            span.trace_id.hex()
            for body in self.bodies.get("/v1/traces", [])
            for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        }


@contextmanager
def listening() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sink.bodies.setdefault(self.path, []).append(body)
            self.send_response(500 if self.path == "/hook" else 204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Observed:
    """A running server, what it sends, and its administrator."""

    served: Served
    sink: Sink
    client: tuple[str, str]
    token: str

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines that tell of this."""
        return [json.loads(line) for line in list(self.served.lines) if event_of(line) == name]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """One server for all tests here: a start takes seconds."""
    with listening() as sink:
        settings = {
            "IAM_OUTBOUND_ALLOW": '["127.0.0.1"]',
            "IAM_METRICS__PUSH_URL": f"{sink.url}/write?db=iam",
            "IAM_METRICS__PUSH_INTERVAL": "PT1S",
            "IAM_TRACING__ENDPOINT": f"{sink.url}/v1/traces",
            "IAM_TRACING__SAMPLED": "1",
        }
        directory: Path = tmp_path_factory.mktemp("observed")
        host = Host(directory, settings)
        with host.serve() as served:
            made = host.run("bootstrap", "--local", "--service", "admin", "--json")
            assert made.returncode == 0, made.stderr
            first = json.loads(made.stdout)
            client = (first["client_id"], first["client_secret"])
            form = {"grant_type": "client_credentials"}
            answer = httpx2.post(f"{served.url}/oauth2/token", data=form, auth=client)
            yield Observed(served, sink, client, answer.json()["access_token"])


def eventually(holds: Callable[[], object]) -> None:
    """Wait until it does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def plant(observed: Observed, canary: str) -> Iterator[httpx2.Response]:
    """Send it wherever a secret could stand, and be taken for something else."""
    url = observed.served.url
    header = {"Authorization": f"Bearer {observed.token}"}
    odd = {
        "Authorization": f"Bearer {canary}", "Cookie": f"sid={canary}", "DPoP": canary,
        "User-Agent": canary, "Referer": f"https://x/?code={canary}", "traceparent": canary,
        "X-Request-ID": f"{canary}/", "X-Forwarded-For": canary, "Idempotency-Key": canary,
    }  # fmt: skip
    for path in (f"/v1/me?code={canary}", f"/oauth2/token?{canary}", f"/{canary}", "/metrics"):
        yield httpx2.get(f"{url}{path}", headers=odd)
    for path in ("token", "introspect", "revoke"):
        form = {
            "grant_type": canary, "client_id": canary, "client_secret": canary, "token": canary,
            "client_assertion": canary, "client_assertion_type": canary, "code": canary,
        }  # fmt: skip
        yield httpx2.post(f"{url}/oauth2/{path}", data=form)
        yield httpx2.post(f"{url}/oauth2/{path}", data=form, auth=(observed.client[0], canary))
    as_json = {**header, "Content-Type": "application/json"}
    # The name of a member that there is not is told to whoever sent it, and to nobody else.
    httpx2.post(f"{url}/v1/users", content=f'{{"{canary}": 1}}', headers=as_json)
    for body in (f'{{"name": "{canary}', f'{{"name": ["{canary}"]}}', f'["{canary}"]', canary):
        for path in ("/v1/users", "/v1/decisions", "/v1/policies"):
            yield httpx2.post(f"{url}{path}", content=body, headers=as_json)


def test_lg_01_no_planted_secret_leaves_by_log_metrics_traces_or_errors(
    observed: Observed,
) -> None:
    canary = f"canary-{os.urandom(9).hex()}"
    for answer in plant(observed, canary):
        assert answer.status_code >= 400
        assert canary not in f"{answer.headers}{answer.text}"
    pushes = len(observed.sink.bodies.get("/write?db=iam", []))
    spans = len(observed.sink.bodies.get("/v1/traces", []))
    eventually(lambda: len(observed.sink.bodies.get("/write?db=iam", [])) > pushes + 1)
    eventually(lambda: len(observed.sink.bodies.get("/v1/traces", [])) > spans)
    header = {"Authorization": f"Bearer {observed.token}"}
    metrics = httpx2.get(f"{observed.served.url}/metrics", headers=header)
    assert "iam_tokens_total" in metrics.text
    secrets = (canary, observed.token, observed.client[1])
    for secret in secrets:
        for place in (
            observed.served.log.encode(),
            metrics.content,
            observed.sink.all("/write?db=iam"),
            observed.sink.all("/v1/traces"),
        ):
            assert place
            assert secret.encode() not in place
    # No label names who asked, either.
    assert observed.client[0] not in metrics.text


def test_lg_07_what_stands_where_a_client_id_belongs_is_not_written(observed: Observed) -> None:
    password = f"hunter2-{os.urandom(9).hex()}"
    form = {"grant_type": "client_credentials", "client_id": password, "client_secret": "x"}
    answer = httpx2.post(f"{observed.served.url}/oauth2/token", data=form)
    assert answer.status_code == 401
    request_id = answer.headers["x-request-id"]
    eventually(lambda: request_id in observed.served.log)
    (line,) = [one for one in observed.events("client_refused") if one["request_id"] == request_id]
    assert line["client_id"] is None
    assert password not in observed.served.log


def test_every_line_of_a_request_says_whose_request_it_is(observed: Observed) -> None:
    url, trace = observed.served.url, "4bf92f3577b34da6a3ce929d0e0e4736"
    header = {
        "Authorization": f"Bearer {observed.token}",
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
    }
    me = httpx2.get(f"{url}/v1/me", headers=header).json()
    question = {"principal": me["arn"], "action": "shop:Buy", "resource": "*"}
    answer = httpx2.post(f"{url}/v1/decisions", json={"evaluations": [question]}, headers=header)
    (decision,) = answer.json()["decisions"]
    eventually(lambda: decision["decision_id"] in observed.served.log)
    (line,) = observed.events("decided")[-1:]
    assert {
        "decision_id": decision["decision_id"],
        "principal": me["arn"],
        "request_id": answer.headers["x-request-id"],
        "trace_id": trace,
    }.items() <= line.items()
    eventually(lambda: trace in observed.sink.trace_ids())


def test_lg_06_the_log_of_deliveries_shows_neither_secret_nor_body(observed: Observed) -> None:
    canary = f"canary-{os.urandom(9).hex()}"
    header = {"Authorization": f"Bearer {observed.token}"}
    hook = {"name": "hook", "url": f"{observed.sink.url}/hook", "event_types": ["iam.user.*"]}
    made = httpx2.post(f"{observed.served.url}/v1/webhooks", json=hook, headers=header)
    assert made.status_code == 201, made.text
    user = {"name": "ana", "description": canary}
    made_user = httpx2.post(f"{observed.served.url}/v1/users", json=user, headers=header)
    assert made_user.status_code == 201, made_user.text
    eventually(lambda: canary.encode() in observed.sink.all("/hook"))
    spans = len(observed.sink.bodies["/v1/traces"])
    eventually(lambda: len(observed.sink.bodies["/v1/traces"]) > spans)
    secret = made.json()["signing_secret"]
    listed = httpx2.get(f"{observed.served.url}/v1/webhooks/hook/deliveries", headers=header).text
    for text in (secret, canary):
        assert text not in listed
        assert text not in observed.served.log
        assert text.encode() not in observed.sink.all("/v1/traces")
