"""Traces of a real installation, as a collector gets them: who called what, and no value of it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from iam.errors import unavailable
from iam.features.credentials.service import create_client_secret
from iam.features.deliveries.jobs import Pump
from iam.features.webhooks.jobs import carrier
from iam.http.edge import Edge
from iam.http.measured import Measured
from iam.jobs import Job, Run
from iam.kit.setting_parts import TracingSettings
from iam.worker.runner import _outcome
from tests.collector import Collector, attributes, collecting
from tests.oauth import ask
from tests.world import Actor, World, open_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as found:
        yield found


@pytest.fixture
async def world(database_url: str, tmp_path: Path, collector: Collector) -> AsyncIterator[World]:
    """An installation that traces what its callers trace, and nothing else."""
    tracing = TracingSettings(endpoint=collector.endpoint, sampled=0)
    async with open_world(
        database_url, tmp_path, tracing=tracing, outbound_allow=("127.0.0.1",)
    ) as opened:
        yield opened


async def sent(world: World) -> None:
    """Everything is at the collector."""
    assert world.runtime.tracer is not None
    await world.runtime.tracer.flush()


def keep_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the traces that begin here, from now on."""
    assert world.runtime.tracer is not None
    monkeypatch.setattr(world.runtime.tracer._chance, "random", lambda: -1.0)


def below(collector: Collector, above: Span) -> set[str]:
    """The names of the spans right below one."""
    return {span.name for span in collector.spans if span.parent_span_id == above.span_id}


async def test_a_token_is_traced_from_the_request_to_the_ledger(
    world: World, collector: Collector
) -> None:
    orders = await world.actor(name="orders")
    async with world.work() as uow:
        _, secret = await create_client_secret(uow, service="orders")
    form = {"grant_type": "client_credentials"}
    assert (await ask(world, "token", form, basic=(orders.id, secret))).status_code == 200
    answer = await ask(world, "token", form, basic=(orders.id, secret), headers=TRACEPARENT)
    await sent(world)
    (server,) = collector.named(
        "POST /oauth2/token"
    )  # the one that its caller did not trace is not
    assert (server.kind, server.trace_id.hex()) == (Span.SPAN_KIND_SERVER, TRACE)
    assert server.parent_span_id.hex() == CALLER
    assert attributes(server) == {
        "http.request.method": "POST",
        "http.route": "/oauth2/token",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "iam.request_id": answer.headers["x-request-id"],
    }
    assert "INSERT issued_tokens" in below(collector, server)


async def test_lg_01_a_span_has_routes_and_tables_and_no_value_of_a_request(
    world: World, collector: Collector, admin: Actor
) -> None:
    canary = f"canary-{os.urandom(8).hex()}"
    headers = {**TRACEPARENT, "user-agent": canary, "cookie": canary, "referer": canary}
    for method, path in (("GET", f"/v1/users/{canary}?code={canary}"), ("GET", f"/{canary}"),
                         (canary, "/v1/users"), ("POST", "/v1/users")):  # fmt: skip
        await admin.http.request(method, path, headers=headers, json={"name": canary, "x": canary})
    await ask(
        world,
        "token",
        {"grant_type": canary, "client_id": canary, "client_secret": canary},
        headers=headers,
    )
    await sent(world)
    (found,) = collector.named("GET /v1/users/{user}")
    assert attributes(found)["http.response.status_code"] == 404
    assert "SELECT principals" in below(collector, found)
    assert {"GET other", "other /v1/users", "POST /v1/users"} <= {s.name for s in collector.spans}
    assert canary.encode() not in collector.bytes.lower()
    assert admin.token.encode() not in collector.bytes
    assert b"Bearer" not in collector.bytes


async def test_what_goes_out_carries_the_trace_on(
    world: World, collector: Collector, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(world, monkeypatch)
    hook = {"name": "hook", "url": collector.receiver.url(), "event_types": ["iam.user.*"]}
    assert (await admin.http.post("/v1/webhooks", json=hook)).status_code == 201
    assert (await admin.http.post("/v1/users", json={"name": "ana"})).status_code == 201
    await Pump(world.runtime, [carrier(world.runtime)]).settle()
    await sent(world)
    (delivered,) = [each for each in collector.receiver.requests if each.path == "/hook"]
    _, trace_id, span_id, flags = delivered.headers["traceparent"].split("-")
    (client,) = [each for each in collector.spans if each.span_id.hex() == span_id]
    (above,) = collector.named("deliver")
    assert (client.name, client.kind, flags) == ("POST", Span.SPAN_KIND_CLIENT, "01")
    assert client.trace_id.hex() == above.trace_id.hex() == trace_id
    assert client.parent_span_id == above.span_id
    assert attributes(above) == {"messaging.operation.name": "iam.user.created.v1"}
    assert attributes(client) == {
        "http.request.method": "POST",
        "http.response.status_code": 204,
        "server.address": "127.0.0.1",
        "server.port": collector.receiver.port,
    }


async def test_a_run_of_a_job_is_a_trace_and_tells_when_it_failed(
    world: World, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(run: Run) -> None:
        async with run.runtime.begin_as_root(read_only=True) as uow:
            await uow.see_all_accounts()
        raise unavailable("away", "canary")

    keep_all(world, monkeypatch)
    async with world.runtime.leases.hold("job/fail") as fence:
        assert fence is not None
        run = Run(world.runtime, id="run_x", job="fail", slot=None, attempt=1, fence=fence)
        await _outcome(Job("fail", "Fails", "0 0 * * *", fail), run)
    await sent(world)
    (found,) = collector.named("job fail")
    assert attributes(found) == {"iam.job.run": "run_x"}
    assert found.status.code == found.status.STATUS_CODE_ERROR
    assert b"canary" not in collector.bytes


async def test_switched_off_there_is_no_layer_that_traces(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(database_url, tmp_path) as off:
        assert off.runtime.tracer is None
        assert isinstance(off.app, Measured)
        assert isinstance(off.app._app, Edge)
        sync_engine = off.runtime.database.engine.sync_engine
        assert not sync_engine.dispatch.before_cursor_execute
