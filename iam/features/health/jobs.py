"""Sends the metrics of this process and of the installation somewhere, again and again."""

import asyncio
import platform
from collections.abc import Mapping
from typing import Final

import structlog

from iam.errors import IamError
from iam.features.health.service import ClockWatch, measure_installation, measure_process
from iam.leases import OUTAGES
from iam.runtime import Runtime

_log = structlog.get_logger(__name__)
_NANOSECONDS: Final = 1000


async def push(runtime: Runtime) -> None:
    """For a worker: push until cancelled. On SQLite the server does, which is the same process."""
    if runtime.settings.metrics.push_url is None or runtime.database.is_sqlite:
        await asyncio.Event().wait()
    await Push(runtime, tags={"instance": platform.node(), "role": "worker"}).run()


class Push:
    """Pushes what one process measures.

    Args:
        runtime: The process; its settings say where to.
        tags: What tells its points from those of others; the same after a restart.
        watch: The watch over its clock, if it has one.
    """

    def __init__(
        self, runtime: Runtime, *, tags: Mapping[str, str], watch: ClockWatch | None = None
    ) -> None:
        # Not at the top: who does not push need not wait for it.
        from iam.kit.line_sender import sender

        self._runtime = runtime
        self._tags = tags
        self._watch = watch
        settings = runtime.settings.metrics
        self._sender = sender(
            settings.push_url or "", token=settings.push_token, outbound=runtime.outbound
        )

    async def run(self) -> None:
        """Push at every interval; what fails is tried anew with the next points."""
        while True:
            try:
                await self.once()
                outcome = "sent"
            except (IamError, *OUTAGES) as error:
                outcome = "failed"
                code = error.code if isinstance(error, IamError) else type(error).__name__
                _log.warning("metrics_unsent", reason=code)
            if self._runtime.metrics is not None:
                self._runtime.metrics.pushes.add(outcome)
            await asyncio.sleep(self._runtime.settings.metrics.push_interval.total_seconds())

    async def once(self) -> None:
        """Measure and push. Raises `IamError`, or one of `OUTAGES`."""
        # As above: it brings Prometheus' library.
        from iam.features.health.schemas import lines

        runtime = self._runtime
        async with runtime.begin_as_root(read_only=True) as uow:
            families = await measure_installation(uow)
        families += measure_process(runtime.tools, runtime.loop_lag, self._watch)
        microseconds = int(runtime.clock.now().timestamp() * 1_000_000)
        points = lines(
            families,
            runtime.metrics,
            tags=self._tags,
            nanoseconds=microseconds * _NANOSECONDS,
        )
        await self._sender.send(points)
