"""Log lines on stdout: JSON for machines, readable on a terminal. Set up once, by a door.

An exception is logged with its stack and without local variables: a frame may hold a secret.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from iam.kit.log_context import REQUEST
from iam.kit.spans import CURRENT


def configure_logs(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's log lines to stdout in one form.

    `as_json` gives one JSON object a line; otherwise lines are for people. `level` is of
    `logging`.
    """
    render = _for_machines if as_json else _for_people()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_stamped],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render, _text],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Our own lines take no detour through `logging`, which would cost more than a decision.
    structlog.configure(
        processors=[_stamped, render],
        logger_factory=structlog.BytesLoggerFactory(
            cast("BinaryIO", _Unfailing(sys.stdout.buffer))
        ),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    _quieten()


class _Unfailing:
    """Where lines go, without an error when they cannot: a full disk must not stop a request.

    What waits in the buffer is written when there is room again (F-10).
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Write a line, or lose it."""
        try:
            self._file.write(line)
        except OSError:
            return

    def flush(self) -> None:
        """Write what waits, or keep it."""
        try:
            self._file.flush()
        except OSError:
            return


def _quieten() -> None:
    # uvicorn tells of its own start and stop; ours say more. What goes wrong is still told.
    for name in ("uvicorn", "uvicorn.error", "alembic", "httpx2", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _stamped(_logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Add level, time and whose request it is. In one step, as each costs a decision something."""
    event["level"] = "error" if name == "exception" else name
    event["timestamp"] = datetime.now(UTC)  # noqa: TID251 -- when the line was written, by no other clock
    request = REQUEST.get()
    if request is not None:
        request.add_to(event)
    span = CURRENT.get()
    if span is not None:
        event["trace_id"] = f"{span.trace_id:032x}"
    return event


def _for_machines(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, name, event)
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z)
    except TypeError:  # half a surrogate pair, or a key that is no text
        return json.dumps(event, default=repr).encode()


def _for_people() -> Processor:
    # Not structlog's default tracebacks: with rich installed those print local variables.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
        stamp = event["timestamp"].strftime("%H:%M:%S")
        line = console(logger, name, {**event, "timestamp": stamp})
        return str(line).encode(errors="backslashreplace")

    return render


def _text(_logger: WrappedLogger, _name: str, line: Any) -> str:
    """The line as the standard library's handlers want it."""
    return str(line, "utf-8")
