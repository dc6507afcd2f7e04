"""The encoding, read back with the library that is generated from OpenTelemetry's own messages."""

from itertools import count

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from iam.kit.otlp import encode_span, request
from iam.kit.spans import Span, SpanKind, SpanTools


def test_spans_are_what_opentelemetry_says_they_are() -> None:
    kept: list[Span] = []
    numbers = count(1_800_000_000_000_000_000)
    tools = SpanTools(kept.append, lambda: next(numbers), lambda: 2**64 - 1 - len(kept))
    with Span(tools, "GET /ü", SpanKind.SERVER, trace_id=7, parent_id=0, is_sampled=True) as root:
        root.attributes.update(
            {"text": "ä" * 200, "yes": True, "no": False, "n": -3, "big": 2**62, "f": 0.5}
        )
        child = root.child("SELECT users", SpanKind.CLIENT)
        child.error = "TimeoutError"
        child.end()
    resource = {"service.name": "iam"}
    encoded = request(map(encode_span, kept), resource=resource, scope="iam")
    (of_resource,) = ExportTraceServiceRequest.FromString(encoded).resource_spans
    (attribute,) = of_resource.resource.attributes
    assert (attribute.key, attribute.value.string_value) == ("service.name", "iam")
    (of_scope,) = of_resource.scope_spans
    assert of_scope.scope.name == "iam"
    below, above = of_scope.spans
    assert (above.name, above.kind) == ("GET /ü", ProtoSpan.SPAN_KIND_SERVER)
    assert above.trace_id == below.trace_id == (7).to_bytes(16)
    assert above.parent_span_id == b""
    assert below.parent_span_id == above.span_id == (2**64 - 1).to_bytes(8)
    assert above.start_time_unix_nano < below.start_time_unix_nano
    assert below.end_time_unix_nano < above.end_time_unix_nano
    assert above.flags == 1
    assert (below.kind, below.status.code) == (
        ProtoSpan.SPAN_KIND_CLIENT,
        Status.STATUS_CODE_ERROR,
    )
    assert above.status.code == Status.STATUS_CODE_UNSET
    values = {each.key: each.value for each in above.attributes}
    assert values["text"].string_value == "ä" * 200
    assert (values["yes"].bool_value, values["no"].bool_value) == (True, False)
    assert values["no"].WhichOneof("value") == "bool_value"
    assert (values["n"].int_value, values["big"].int_value) == (-3, 2**62)
    assert values["f"].double_value == 0.5
