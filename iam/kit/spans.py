"""Spans of traces, as the code that is traced sees them: it says where one begins and ends.

Nothing is recorded unless somebody who has a tracer (`tracing.py`) began a trace above; without
one, `span` costs a look at a context variable. Attributes are words and numbers of ours: never a
value that a request brought, nor one that is bound to a statement.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from enum import IntEnum
from types import TracebackType
from typing import Final, Self

Attribute = str | int | bool | float


class SpanKind(IntEnum):
    """What a span is of; the numbers are those of OTLP."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Span:
    """One piece of work within a trace; a context manager, within which it is the current one.

    Attributes:
        trace_id: 128 bits.
        span_id: 64 bits.
        parent_id: That of the span above; 0 for none.
        is_sampled: Whether it will be kept; if not, it carries the ids alone.
        error: What went wrong, as a word; `None` if nothing did.
    """

    __slots__ = (
        "_token", "_tools", "attributes", "ended", "error", "is_sampled", "kind", "name",
        "parent_id", "span_id", "started", "trace_id",
    )  # fmt: skip

    def __init__(
        self,
        tools: "SpanTools",
        name: str,
        kind: SpanKind,
        *,
        trace_id: int,
        parent_id: int,
        is_sampled: bool,
    ) -> None:
        self._tools = tools
        self.name = name
        self.kind = kind
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.is_sampled = is_sampled
        self.span_id = tools.new_id()
        self.attributes: dict[str, Attribute] = {}
        self.error: str | None = None
        self.started = tools.nanoseconds() if is_sampled else 0
        self.ended = 0
        self._token: Token[Span | None] | None = None

    @property
    def traceparent(self) -> str:
        """What tells the next service of it (https://www.w3.org/TR/trace-context/)."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.is_sampled):02x}"

    def child(self, name: str, kind: SpanKind) -> "Span":
        """A span below this one."""
        return Span(
            self._tools,
            name,
            kind,
            trace_id=self.trace_id,
            parent_id=self.span_id,
            is_sampled=self.is_sampled,
        )

    def end(self) -> None:
        """It is over."""
        if self.is_sampled:
            self.ended = self._tools.nanoseconds()
            self._tools.keep(self)

    def __enter__(self) -> Self:
        self._token = CURRENT.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)
        if kind is not None and self.error is None:
            self.error = kind.__name__  # what it says may hold anything
        self.end()


class SpanTools:
    """What spans need of their tracer."""

    __slots__ = ("keep", "nanoseconds", "new_id")

    def __init__(
        self,
        keep: Callable[[Span], None],
        nanoseconds: Callable[[], int],
        new_id: Callable[[], int],
    ) -> None:
        self.keep, self.nanoseconds, self.new_id = keep, nanoseconds, new_id


CURRENT: ContextVar[Span | None] = ContextVar("iam_span", default=None)
"""The span that is under way; `None` where nothing is traced."""
_NOTHING: Final = nullcontext()


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: Attribute
) -> AbstractContextManager[Span | None]:
    """A span below the current one; nothing, where nothing is traced.

    In names of attributes, a double underscore stands for a dot.
    """
    above = CURRENT.get()
    if above is None or not above.is_sampled:
        return _NOTHING
    found = above.child(name, kind)
    for key, value in attributes.items():
        found.attributes[key.replace("__", ".")] = value
    return found
