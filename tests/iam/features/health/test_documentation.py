"""The table of metrics in the documentation is what the code has."""

from pathlib import Path

import pytest

from iam.features.health.schemas import _Ours
from iam.features.health.service import measure_installation, measure_process
from iam.kit.metrics import Metrics
from tests.world import World

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True),
]

PAGE = Path(__file__).parents[4] / "docs" / "observability.md"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->"


async def table(world: World) -> str:
    """The table as it has to be: every metric of ours, by its name."""
    async with world.work() as uow:
        families = await measure_installation(uow)
    families += measure_process(world.runtime.tools, world.runtime.loop_lag, None)
    metrics = sorted(_Ours(families, Metrics()).collect(), key=lambda metric: metric.name)
    rows = ["| metric | type | labels | what |", "|---|---|---|---|"]
    for metric in metrics:
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = ", ".join(f"`{label}`" for label in vars(metric)["_labelnames"])
        rows.append(f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |")
    return "\n".join([*rows, ""])


async def test_every_metric_is_documented_as_it_is(world: World) -> None:
    found = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert found == await table(world)
