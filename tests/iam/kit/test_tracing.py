import pytest

from iam.kit.outbound import Outbound
from iam.kit.setting_parts import TracingSettings
from iam.kit.spans import CURRENT, Span, SpanKind, span
from iam.kit.traced_statements import summary
from iam.kit.tracing import BATCH, MAX_WAITING, Tracer, parse_traceparent
from tests.receiver import receiving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def tracer(endpoint: str = "http://127.0.0.1:4318/v1/traces", sampled: float = 1) -> Tracer:
    settings = TracingSettings(endpoint=endpoint, sampled=sampled, token="hidden")
    return Tracer(settings, Outbound(allow=["127.0.0.1"]))


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [(f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-00", False),
     (f"01-{TRACE}-{SPAN}-03-more", True)],
)  # fmt: skip
def test_a_trace_goes_on_where_the_caller_began_it(text: str, is_sampled: bool) -> None:
    assert parse_traceparent(text) == (int(TRACE, 16), int(SPAN, 16), is_sampled)
    began = tracer(sampled=0).begin("x", SpanKind.SERVER, traceparent=text)
    assert began.is_sampled is is_sampled
    assert began.traceparent == f"00-{TRACE}-{began.span_id:016x}-{int(is_sampled):02x}"
    assert began.parent_id == int(SPAN, 16)


@pytest.mark.parametrize(
    "text",
    ["", "00", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f"00-{'0' * 32}-{SPAN}-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-1",
     f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n"],
)  # fmt: skip
def test_what_is_no_traceparent_begins_a_new_trace(text: str) -> None:
    assert parse_traceparent(text) is None
    assert tracer().begin("x", SpanKind.SERVER, traceparent=text).parent_id == 0


def test_of_the_traces_that_begin_here_a_share_is_kept() -> None:
    def kept(share: float) -> int:
        found = tracer(sampled=share)
        return sum(found.begin("x", SpanKind.SERVER).is_sampled for _ in range(2_000))

    assert (kept(0), kept(1)) == (0, 2_000)
    assert 100 < kept(0.1) < 300


def test_without_a_trace_there_is_no_span() -> None:
    with span("x") as found:
        assert found is None
        assert CURRENT.get() is None
    with tracer(sampled=0).begin("x", SpanKind.SERVER) as above, span("y") as below:
        assert below is None
        assert CURRENT.get() is above


def test_a_span_says_what_kind_of_error_ended_it_and_not_what_it_said() -> None:
    found = tracer()
    with (
        pytest.raises(ValueError, match="canary"),
        found.begin("x", SpanKind.SERVER) as above,
        span("y", http__route="/z") as below,
    ):
        raise ValueError("canary")
    assert below is not None
    assert above.error == below.error == "ValueError"
    assert below.attributes == {"http.route": "/z"}
    assert found._waiting == [below, above]
    assert CURRENT.get() is None


def keep(found: Tracer, count: int) -> list[Span]:
    spans = [found.begin("x", SpanKind.SERVER) for _ in range(count)]
    for each in spans:
        each.end()
    return spans


def test_what_waits_is_bounded() -> None:
    found = tracer()
    keep(found, MAX_WAITING + 3)
    assert (len(found._waiting), found.dropped) == (MAX_WAITING, 3)


@pytest.mark.anyio
class TestSending:
    async def test_spans_leave_in_batches_with_the_token(self) -> None:
        async with receiving() as receiver:
            found = tracer(receiver.url("/v1/traces"))
            keep(found, BATCH + 1)
            await found.flush()
            first, second = receiver.requests
            assert first.headers["authorization"] == "Bearer hidden"
            assert first.headers["content-type"] == "application/x-protobuf"
            assert "traceparent" not in first.headers
            assert len(second.body) < len(first.body)
            assert (found._waiting, found.dropped) == ([], 0)

    async def test_what_the_collector_does_not_take_is_dropped(self) -> None:
        async with receiving() as receiver:
            receiver.answer = lambda _: 503
            found = tracer(receiver.url("/v1/traces"))
            keep(found, BATCH + 1)
            await found.flush()
            assert (len(receiver.requests), len(found._waiting), found.dropped) == (1, 1, BATCH)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT users.id FROM users WHERE users.name = $1", ("SELECT", "users")),
        ('INSERT INTO "outbox_messages" (id) VALUES (?)', ("INSERT", "outbox_messages")),
        ("UPDATE jobs SET x = 'canary'", ("UPDATE", "jobs")),
        ("DELETE FROM deliveries WHERE id IN (SELECT id FROM x)", ("DELETE", "deliveries")),
        ("WITH a AS (SELECT 1) SELECT 1 FROM principals", ("SELECT", "principals")),
        ("SELECT 1", ("SELECT", "")),
        ("PRAGMA user_version", ("other", "")),
        ("SELECT pg_advisory_xact_lock('canary')", ("SELECT", "")),
    ],
)
def test_a_statement_is_known_by_operation_and_table(
    statement: str, expected: tuple[str, str]
) -> None:
    assert summary(statement) == expected
