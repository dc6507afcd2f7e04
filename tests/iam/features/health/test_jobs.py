"""What is pushed: the same readings as `/metrics`, to a real receiver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from iam.features.health.jobs import Push
from iam.kit.setting_parts import MetricsSettings
from tests.receiver import Receiver, receiving
from tests.world import World, open_world

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]

TAGS = {"instance": "here"}


@asynccontextmanager
async def pushing(
    database_url: str, directory: Path, receiver: Receiver
) -> AsyncIterator[tuple[World, Push]]:
    """An installation that pushes to this receiver."""
    metrics = MetricsSettings(push_url=receiver.url("/write?db=iam"), push_token="hidden")
    allow = ("127.0.0.1",)
    async with open_world(database_url, directory, metrics=metrics, outbound_allow=allow) as world:
        yield world, Push(world.runtime, tags=TAGS)


async def test_what_is_measured_is_pushed(database_url: str, tmp_path: Path) -> None:
    async with receiving() as receiver, pushing(database_url, tmp_path, receiver) as (world, push):
        await world.http.get("/livez")
        await push.once()
        (request,) = receiver.requests
        names = {line.partition(",")[0] for line in request.body.decode().splitlines()}
        assert names >= {
            "iam_build_info",
            "iam_http_requests_total",
            "iam_outbox_waiting",
            "process_resident_memory_bytes",
        }
        labels = "instance=here,method=GET,route=/livez,status=2xx"
        nanoseconds = int(world.clock.now().timestamp()) * 1_000_000_000
        line = f"iam_http_requests_total,{labels} value=1.0 {nanoseconds}"
        assert line in request.body.decode().splitlines()


async def test_a_push_that_fails_is_counted_and_the_next_one_is_made(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver, pushing(database_url, tmp_path, receiver) as (world, push):
        receiver.answer = lambda _: 500 if len(receiver.requests) == 1 else 204
        interval = world.runtime.settings.metrics.push_interval / 1_000
        hasty = world.runtime.settings.metrics.model_copy(update={"push_interval": interval})
        settings = world.runtime.settings.model_copy(update={"metrics": hasty})
        monkeypatch.setattr(world.runtime.tools, "settings", settings)
        metrics = world.runtime.metrics
        assert metrics is not None
        async with anyio.create_task_group() as group:
            group.start_soon(push.run)
            with anyio.fail_after(30):
                while not metrics.pushes.counts.get(("sent",)):  # noqa: ASYNC110 -- no event tells
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        assert metrics.pushes.counts[("failed",)] == 1
