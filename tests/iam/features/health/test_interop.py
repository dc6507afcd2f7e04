"""The metrics as other people's programs read them: promtool, and a real InfluxDB, of Debian."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from iam.features.health.jobs import Push
from iam.kit.setting_parts import MetricsSettings
from tests.host import PATIENCE
from tests.oauth import ask
from tests.ports import free_port
from tests.world import Actor, World, open_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.interop,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]


def needs(name: str, package: str) -> pytest.MarkDecorator:
    """Skip, before anything is prepared, where the program is not installed."""
    reason = f"{name} is not installed; it is in Debian's package {package}"
    return pytest.mark.skipif(shutil.which(name) is None, reason=reason)


@needs("promtool", "prometheus")
async def test_promtool_finds_nothing_wrong_with_the_metrics(world: World, admin: Actor) -> None:
    await world.http.get("/readyz")
    await admin.http.get("/v1/services/nobody")
    await ask(world, "token", {"grant_type": "client_credentials"})
    text = (await admin.http.get("/metrics")).text
    checked = subprocess.run(  # noqa: ASYNC221 -- nothing else waits for this loop
        [shutil.which("promtool") or "", "check", "metrics"],
        check=False,
        capture_output=True,
        text=True,
        input=text,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@contextmanager
def influxdb(directory: Path) -> Iterator[str]:
    """A server with an empty database `iam`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {
        "INFLUXDB_REPORTING_DISABLED": "true",
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_META_DIR": str(directory / "meta"),
        "INFLUXDB_DATA_DIR": str(directory / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(directory / "wal"),
        "HOME": str(directory),
        "PATH": os.environ["PATH"],
    }
    with (
        (directory / "influxd.log").open("wb") as log,
        subprocess.Popen(
            [shutil.which("influxd") or ""], env=settings, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_for(url)
            httpx2.post(f"{url}/query", params={"q": "CREATE DATABASE iam"}).raise_for_status()
            yield url
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx2.get(f"{url}/ping").raise_for_status()
        except httpx2.HTTPError:
            assert time.monotonic() < deadline, "influxd does not answer"
            time.sleep(0.05)
        else:
            return


@needs("influxd", "influxdb")
async def test_influxdb_has_the_points_that_were_pushed(database_url: str, tmp_path: Path) -> None:
    odd = 'a b,c=d"e\\'
    with influxdb(tmp_path) as url:
        metrics = MetricsSettings(push_url=f"{url}/write?db=iam")
        async with open_world(
            database_url, tmp_path, metrics=metrics, outbound_allow=("127.0.0.1",)
        ) as world:
            await world.http.get("/livez")
            await Push(world.runtime, tags={"instance": odd}).once()
            at = world.clock.now()
        query = "SELECT * FROM iam_http_requests_total WHERE route = '/livez' AND method = 'GET'"
        parameters = {"db": "iam", "q": query, "epoch": "s"}
        found = httpx2.get(f"{url}/query", params=parameters).json()
    (series,) = found["results"][0]["series"]
    (row,) = series["values"]
    assert dict(zip(series["columns"], row, strict=True)) == {
        "time": int(at.timestamp()),
        "instance": odd.rstrip("\\"),
        "method": "GET",
        "route": "/livez",
        "status": "2xx",
        "value": 1,
    }
