"""Spans as OTLP has them: one `ExportTraceServiceRequest`, in protobuf's encoding. Pure.

Written here and not by a library: ours records a span in a microsecond or two, and nothing of it
is imported by who traces nothing. The messages and the numbers of their fields are those of
https://github.com/open-telemetry/opentelemetry-proto (trace/v1, common/v1, resource/v1), version
1; a test reads them back with the library that is generated from there.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from iam.kit.spans import Attribute, Span

CONTENT_TYPE: Final = "application/x-protobuf"
PATH: Final = "/v1/traces"
_ERROR: Final = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def request(spans: Iterable[bytes], *, resource: Mapping[str, Attribute], scope: str) -> bytes:
    """One request with these encoded spans, of one process and one instrumentation scope."""
    named = _field(1, scope.encode())
    encoded = b"".join([_field(2, span) for span in spans])
    scoped = _field(2, _field(1, named) + encoded)
    return _field(1, _field(1, _attributes(1, resource.items())) + scoped)


def encode_span(span: Span) -> bytes:
    """One span that is kept."""
    parts = [
        _TRACE_ID + span.trace_id.to_bytes(16),
        _SPAN_ID + span.span_id.to_bytes(8),
        _PARENT_ID + span.parent_id.to_bytes(8) if span.parent_id else b"",
        _field(5, span.name.encode()),
        _KIND_AND_TIMES(_tag_of(6, _VARINT), span.kind, _tag_of(7, _FIXED64), span.started,
                        _tag_of(8, _FIXED64), span.ended),
        _attributes(9, span.attributes.items()),
        _FAILED if span.error is not None else b"",
        _FLAGS,
    ]  # fmt: skip
    return b"".join(parts)


def _attributes(number: int, attributes: Iterable[tuple[str, Attribute]]) -> bytes:
    """`KeyValue` messages."""
    return b"".join([_attribute(number, key, value) for key, value in attributes])


# Nearly all of them come again and again. Typed, because True and 1 are equal.
@lru_cache(maxsize=2048, typed=True)
def _attribute(number: int, key: str, value: Attribute) -> bytes:
    return _field(number, _field(1, key.encode()) + _field(2, _any(value)))


def _any(value: Attribute) -> bytes:
    """An `AnyValue`."""
    match value:
        case bool():
            return _tag(2, _VARINT) + _varint(value)
        case int():
            return _tag(3, _VARINT) + _varint(value & (1 << 64) - 1)  # two's complement, 64 bits
        case float():
            return _tag(4, _FIXED64) + struct.pack("<d", value)
        case _:
            return _field(1, value.encode(errors="replace"))


def _field(number: int, content: bytes) -> bytes:
    """A field that says how long it is: a text, bytes, or a message."""
    return _tag(number, _BYTES) + _varint(len(content)) + content


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(_tag_of(number, wire_type))


def _tag_of(number: int, wire_type: int) -> int:
    return number << 3 | wire_type


def _varint(value: int) -> bytes:
    if value < 0x80:  # noqa: PLR2004 -- what fits into seven bits
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 -- as above
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_TRACE_ID: Final = _tag(1, _BYTES) + _varint(16)
_SPAN_ID: Final = _tag(2, _BYTES) + _varint(8)
_PARENT_ID: Final = _tag(4, _BYTES) + _varint(8)
_KIND_AND_TIMES: Final = struct.Struct("<BBBQBQ").pack
_FAILED: Final = _field(15, _tag(3, _VARINT) + _varint(_ERROR))
_FLAGS: Final = _tag(16, _FIXED32) + struct.pack("<I", 1)
"""Sampled: others are never sent."""
