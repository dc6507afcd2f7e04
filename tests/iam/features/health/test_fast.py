from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from iam.features.credentials.service import create_client_secret, revoke_credential
from iam.http.edge import Edge
from iam.kit import schema
from iam.kit.database import Database
from iam.kit.setting_parts import MetricsSettings
from iam.models import SigningKey
from tests.oauth import ask
from tests.world import NOON, Actor, World, allow, open_world

pytestmark = pytest.mark.anyio


async def samples(http: httpx2.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample of ours by its name and the values of its labels."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def _of_old(_database: Database) -> str:
    """The revision of a database that an earlier release made."""
    return "0001"


class TestProbes:
    async def test_a_process_that_serves_is_alive_and_ready(self, world: World) -> None:
        for path, text in (("/livez", "alive\n"), ("/readyz", "ready\n")):
            answer = await world.http.get(path)
            assert (answer.status_code, answer.text) == (200, text)
            assert answer.headers["cache-control"] == "no-store"

    async def test_without_a_key_it_is_alive_but_not_ready(self, world: World) -> None:
        async with world.runtime.database.connect(writes=True) as connection, connection.begin():
            await connection.execute(delete(SigningKey))
        answer = await world.http.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready\n")
        assert (await world.http.get("/livez")).status_code == 200

    async def test_with_another_schema_it_is_not_ready(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(schema, "current_revision", _of_old)
        assert (await world.http.get("/readyz")).status_code == 503

    async def test_without_its_database_it_is_alive_but_not_ready(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        away = Database("sqlite+aiosqlite:////nowhere/secret-place.db")
        monkeypatch.setattr(world.runtime.tools, "database", away)
        answer = await world.http.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready\n")
        assert (await world.http.get("/livez")).status_code == 200

    async def test_who_may_know_is_told_why(self, world: World) -> None:
        nobody = await world.actor()
        watcher = await world.actor(
            allow("iam:GetHealth", on="arn:iam:iam::main:installation"), name="watcher"
        )
        assert (await nobody.http.get("/readyz")).status_code == 403
        answer = await watcher.http.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        found = {check["name"]: check["status"] for check in answer.json()["checks"]}
        usual = {"database", "keys", "snapshots", "event_loop", "clock", "outbox", "disk"}
        assert set(found) == usual
        assert {found[name] for name in usual - {"disk"}} == {"ok"}

    async def test_who_may_know_is_told_what_keeps_it_from_serving(
        self, admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(schema, "current_revision", _of_old)
        answer = await admin.http.get("/readyz")
        assert answer.status_code == 503
        (failed,) = [each for each in answer.json()["checks"] if each["status"] == "failed"]
        assert failed["name"] == "migrations"
        assert "found 0001" in failed["reason"]


class TestMetrics:
    async def test_what_is_done_is_counted(self, world: World, admin: Actor) -> None:
        orders = await world.actor(name="orders")
        async with world.work() as uow:
            _, secret = await create_client_secret(uow, service="orders")
        form = {"grant_type": "client_credentials"}
        basic = (orders.id, secret)
        token = (await ask(world, "token", form, basic=basic)).json()["access_token"]
        await ask(world, "token", form, basic=(orders.id, "wrong"))
        await ask(world, "token", {"grant_type": "never-heard-of"}, basic=basic)
        await ask(world, "introspect", {"token": token}, basic=basic)
        await ask(world, "introspect", {"token": "none"}, basic=basic)
        question = {"principal": orders.arn, "action": "a:B", "resource": "*"}
        asked = await admin.http.post("/v1/decisions", json={"evaluations": [question] * 3})
        assert asked.status_code == 200, asked.text
        await admin.http.get(f"/v1/services/{orders.name}")
        await admin.http.get("/v1/services/nobody")
        await world.http.request("BREW", f"/coffee/{orders.id}")
        found = await samples(admin.http)
        for labels, count in {
            ("tokens", "client_credentials", "issued"): 1,
            ("tokens", "client_credentials", "invalid_client"): 1,
            ("tokens", "other", "unsupported_grant_type"): 1,
            ("introspections", "active"): 1,
            ("introspections", "inactive"): 1,
            ("decisions", "implicitDeny"): 3,
            ("http_requests", "POST", "/oauth2/token", "2xx"): 1,
            ("http_requests", "POST", "/oauth2/token", "4xx"): 2,
            ("http_requests", "GET", "/v1/services/{service}", "2xx"): 1,
            ("http_requests", "GET", "/v1/services/{service}", "4xx"): 1,
            ("http_requests", "other", "other", "4xx"): 1,
            ("refusals", "not_found"): 2,
            ("refusals", "unauthenticated"): 1,
        }.items():
            name, *values = labels
            assert found[f"iam_{name}_total", *values] == count, labels
        assert found["iam_snapshot_loads_total", "client-secrets"] >= 1
        assert found["iam_outbox_waiting",] > 0

    @pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
    async def test_switched_off_there_is_no_layer_that_counts(
        self, database_url: str, tmp_path: Path
    ) -> None:
        off = MetricsSettings(enabled=False)
        async with open_world(database_url, tmp_path, metrics=off) as world:
            assert isinstance(world.app, Edge)
            assert world.runtime.metrics is None

    async def test_metrics_are_for_those_who_may(self, world: World) -> None:
        nobody = await world.actor()
        scraper = await world.actor(
            allow("iam:GetMetrics", on="arn:iam:iam::main:installation"), name="prometheus"
        )
        stranger = await world.administrator(await world.account("other"))
        assert (await world.http.get("/metrics")).status_code == 401
        assert (await nobody.http.get("/metrics")).status_code == 403
        assert (await stranger.http.get("/metrics")).status_code == 403
        found = await samples(scraper.http)
        assert found["iam_change_log_staleness_seconds",] >= 0

    async def test_an_operator_is_warned_before_a_credential_expires(
        self, world: World, admin: Actor
    ) -> None:
        for name, days in (("orders", 5), ("billing", 20), ("stock", 1)):
            await world.actor(name=name)
            ends = NOON + timedelta(days=days)
            async with world.work() as uow:
                held, _ = await create_client_secret(uow, service=name, expires_at=ends)
        async with world.work() as uow:
            await revoke_credential(uow, credential=held.credential.id)
        found = await samples(admin.http)
        labels = ("main", "client_secret")
        assert found["iam_credential_expires_seconds", *labels] == 5 * 86_400
        assert found["iam_credentials_live", *labels] == 2
        within = {
            days: found["iam_credentials_expiring", "main", days, "client_secret"]
            for days in ("1", "7", "30")
        }
        assert within == {"1": 0, "7": 1, "30": 2}

    async def test_no_label_names_a_principal_or_a_credential(
        self, world: World, admin: Actor
    ) -> None:
        billing = await world.actor(name="billing")
        async with world.work() as uow:
            held, secret = await create_client_secret(uow, service="billing")
        text = (await admin.http.get("/metrics")).text
        for private in (billing.id, held.credential.id, "billing", secret):
            assert private not in text
