"""Traces: decides which are kept, and sends their spans to an OpenTelemetry collector.

Imported only where traces are on. Spans wait in a bounded list and leave in batches, outside of
what they tell of; what does not fit, or is not taken, is dropped and counted.
"""

import asyncio
import platform
import random  # noqa: TID251 -- ids of traces are no secrets, and a sample is no promise
import re
import time
from contextlib import suppress
from importlib.metadata import version
from typing import Final

import structlog

from iam.errors import IamError
from iam.kit import otlp
from iam.kit.outbound import Outbound
from iam.kit.setting_parts import TracingSettings
from iam.kit.spans import Attribute, Span, SpanKind, SpanTools

MAX_WAITING: Final = 8_192
"""How many spans may wait; a second's worth of a busy process that keeps every trace."""
BATCH: Final = 1_024
"""How many leave together: a call costs as much as encoding this many."""
ENCODED_AT_ONCE: Final = 128
"""How many are encoded before others get their turn: half a millisecond."""
SECONDS: Final = 2.0
"""How long a span waits at most; less when a batch is full."""
SEND_SECONDS: Final = 10.0
_OK: Final = range(200, 300)

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 1

_log = structlog.get_logger(__name__)


class Tracer:
    """Begins traces and sends them. Started and stopped with the runtime.

    Attributes:
        dropped: How many spans were dropped.
    """

    def __init__(self, settings: TracingSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound
        self._chance = random.Random()  # noqa: S311 -- see the import
        self._tools = SpanTools(self._keep, time.time_ns, self._new_id)
        self._resource: dict[str, Attribute] = {
            "service.name": settings.service_name,
            "service.version": version("iam"),
            "host.name": platform.node(),
        }
        self._waiting: list[Span] = []
        self._is_full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        self._is_dropping = False

    def begin(self, name: str, kind: SpanKind, *, traceparent: str | None = None) -> Span:
        """The first span here of a trace that begins here, or with the caller that says so."""
        found = parse_traceparent(traceparent) if traceparent else None
        if found is None:
            trace_id = self._chance.getrandbits(128) or 1
            parent_id, is_sampled = 0, self._chance.random() < self._settings.sampled
        else:
            trace_id, parent_id, is_sampled = found
        return Span(
            self._tools,
            name,
            kind,
            trace_id=trace_id,
            parent_id=parent_id,
            is_sampled=is_sampled,
        )

    async def start(self) -> None:
        """Send in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send what waits, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.flush()

    async def flush(self) -> None:
        """Send everything that waits now."""
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not await self._sent(batch):
                self._drop(len(batch))
                return  # the others may have more luck later, or are dropped for want of room

    def _new_id(self) -> int:
        return self._chance.getrandbits(64) or 1

    def _keep(self, span: Span) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            self._is_dropping = True
            return
        self._waiting.append(span)
        if len(self._waiting) == BATCH:
            self._is_full.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_full.wait(), SECONDS)
            self._is_full.clear()
            before = self.dropped
            await self.flush()
            if self.dropped != before or self._is_dropping:
                self._is_dropping = False
                _log.warning("spans_dropped", so_far=self.dropped)

    async def _sent(self, batch: list[Span]) -> bool:
        settings = self._settings
        headers = {"content-type": otlp.CONTENT_TYPE}
        if settings.token is not None:
            headers["authorization"] = f"Bearer {settings.token}"
        encoded: list[bytes] = []
        for start in range(0, len(batch), ENCODED_AT_ONCE):
            encoded += map(otlp.encode_span, batch[start : start + ENCODED_AT_ONCE])
            await asyncio.sleep(0)
        content = otlp.request(encoded, resource=self._resource, scope="iam")
        try:
            answer = await self._outbound.fetch(
                settings.endpoint or "",
                method="POST",
                headers=headers,
                content=content,
                timeout=SEND_SECONDS,
                read_body=False,
            )
        except IamError as error:
            _log.warning("traces_unsent", reason=error.detail.get("reason", error.code))
            return False
        if answer.status not in _OK:
            _log.warning("traces_unsent", reason=f"http_{answer.status}")
        return answer.status in _OK

    def _drop(self, count: int) -> None:
        self.dropped += count


def parse_traceparent(text: str) -> tuple[int, int, bool] | None:
    """Trace, span above and whether it is kept (https://www.w3.org/TR/trace-context/ 3.2).

    `None` when it is not well-formed, and a new trace has to begin.
    """
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    release, trace_id, parent_id, flags, more = match.groups()
    is_wrong = release == "ff" or (release == "00" and more is not None)
    trace, parent = int(trace_id, 16), int(parent_id, 16)
    if is_wrong or not trace or not parent:
        return None
    return trace, parent, bool(int(flags, 16) & _SAMPLED)
