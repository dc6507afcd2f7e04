"""Spans of SQL statements: which operation on which table, never a text, never a value.

Imported only where traces are on; listens to what SQLAlchemy tells of itself.
"""

import re
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from iam.kit.spans import CURRENT, SpanKind

_OPERATION: Final = re.compile(r"\s*(?:WITH\b.*?\)\s*)?(SELECT|INSERT|UPDATE|DELETE)\b", re.DOTALL)
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?([a-z_][a-z0-9_]*)")
_ATTRIBUTE: Final = "iam_span"


def trace_statements(engine: AsyncEngine) -> None:
    """Make a span of every statement that is run within a trace."""
    system = {"postgresql": "postgresql", "sqlite": "sqlite"}[engine.dialect.name]

    def before(
        _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: Any
    ) -> None:
        above = CURRENT.get()
        if above is None or not above.is_sampled or context is None:
            return
        operation, table = summary(statement)
        span = above.child(f"{operation} {table}".strip(), SpanKind.CLIENT)
        span.attributes["db.system.name"] = system
        span.attributes["db.operation.name"] = operation
        if table:
            span.attributes["db.collection.name"] = table
        setattr(context, _ATTRIBUTE, span)

    def after(
        _connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: Any
    ) -> None:
        span = getattr(context, _ATTRIBUTE, None)
        if span is not None:
            span.end()

    def failed(context: ExceptionContext) -> None:
        span = getattr(context.execution_context, _ATTRIBUTE, None)
        if span is not None:
            span.error = type(context.original_exception).__name__
            span.attributes["error.type"] = span.error
            span.end()

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", failed)


@lru_cache(maxsize=1024)
def summary(statement: str) -> tuple[str, str]:
    """The operation and the first table that a statement names; of others, `other` and nothing."""
    operation = _OPERATION.match(statement)
    if operation is None:
        return "other", ""
    table = _TABLE.search(statement, operation.start(1))
    return operation[1], table[1] if table else ""
