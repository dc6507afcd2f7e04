"""F-16: three server processes start together on one empty PostgreSQL database."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import asyncpg
import pytest

from iam.features.policies.shipped import shipped_policies
from iam.features.signing_keys.rules import Purpose
from iam.kit import schema
from tests.faults.arena import is_ready, on_database
from tests.faults.recovered import superuser_url
from tests.host import PATIENCE, Host
from tests.ports import free_port

REPLICAS = 3
ISSUER = "http://localhost:8080"


@pytest.mark.long  # by default one process shows it: tests/iam/features/installation
def test_f_16_three_servers_that_start_together_make_one_installation(
    new_database: str, tmp_path: Path
) -> None:
    shared = {**on_database(new_database, tmp_path), "IAM_ISSUER": ISSUER}
    all_serve = Barrier(REPLICAS, timeout=PATIENCE)

    def serve(port: int) -> bool:
        directory = tmp_path / str(port)
        directory.mkdir()
        host = Host(directory, {**shared, "IAM_URL": f"http://127.0.0.1:{port}"})
        with host.serve("--port", str(port)) as served:
            all_serve.wait()
            return is_ready(served)

    with ThreadPoolExecutor(REPLICAS) as replicas:
        # A second run of a migration would end in an error, and its server before it is ready.
        assert all(replicas.map(serve, [free_port() for _ in range(REPLICAS)]))
    asyncio.run(check_that_there_is_one_of_each(new_database))


async def check_that_there_is_one_of_each(database_url: str) -> None:
    connection = await asyncpg.connect(superuser_url(database_url).replace("+asyncpg", ""))
    try:
        found = await connection.fetch("SELECT version_num FROM alembic_version")
        assert [row["version_num"] for row in found] == [schema.HEAD]
        assert await connection.fetchval("SELECT count(*) FROM installation") == 1
        policies = await connection.fetchval("SELECT count(*) FROM policies")
        assert policies == len(shipped_policies())
        keys = await connection.fetch(
            "SELECT purpose, state FROM signing_keys WHERE purpose = 'access_token'"
        )
        wanted = Counter([(Purpose.ACCESS_TOKEN.value, "active")])
        assert Counter((row["purpose"], row["state"]) for row in keys) == wanted
        events = await connection.fetch("SELECT type, subject FROM audit_entries")
        assert max(Counter((row["type"], row["subject"]) for row in events).values()) == 1
    finally:
        await connection.close()
