"""A small OpenTelemetry collector: a real HTTP server that decodes what it is sent."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.receiver import Receiver, receiving


@dataclass
class Collector:
    """What came to a receiver, as spans."""

    receiver: Receiver

    @property
    def endpoint(self) -> str:
        """Where to send traces."""
        return self.receiver.url("/v1/traces")

    @property
    def bytes(self) -> bytes:
        """Everything that was sent."""
        return b"".join(request.body for request in self.receiver.requests)

    @property
    def spans(self) -> list[Span]:
        """Every span, in the order in which they ended."""
        return list(self._spans())

    def named(self, name: str) -> list[Span]:
        """The spans of a name."""
        return [span for span in self._spans() if span.name == name]

    def _spans(self) -> Iterator[Span]:
        for request in self.receiver.requests:
            if request.path == "/v1/traces":
                for of_resource in ExportTraceServiceRequest.FromString(
                    request.body
                ).resource_spans:
                    for of_scope in of_resource.scope_spans:
                        yield from of_scope.spans


def attributes(span: Span) -> dict[str, object]:
    """The attributes of a span."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in span.attributes
    }


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector, while the block runs; the receiver in it takes other requests besides."""
    async with receiving() as receiver:
        yield Collector(receiver)
