from datetime import timedelta

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete

from iam.features.credentials.service import create_client_secret, revoke_credential
from iam.kit import schema
from iam.kit.database import Database
from iam.models import SigningKey
from tests.world import NOON, Actor, World, allow

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
        monkeypatch.setattr(schema, "HEAD", "9999")
        assert (await world.http.get("/readyz")).status_code == 503

    async def test_without_its_database_it_is_alive_but_not_ready(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        away = Database("sqlite+aiosqlite:////nowhere/secret-place.db")
        monkeypatch.setattr(world.runtime.tools, "database", away)
        answer = await world.http.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready\n")
        assert (await world.http.get("/livez")).status_code == 200


class TestMetrics:
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
