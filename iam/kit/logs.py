"""Log lines on stdout: JSON for machines, readable on a terminal. Set up once, by a door.

An exception is logged with its stack and without local variables: a frame may hold a secret.
"""

import json
import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's log lines to stdout in one form.

    `as_json` gives one JSON object a line; otherwise lines are for people. `level` is of
    `logging`.
    """
    renderer: list[Processor] = (
        [structlog.processors.format_exc_info, _for_machines] if as_json else [_for_people()]
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # Our own lines take no detour through `logging`, which would cost more than a decision.
    structlog.configure(
        processors=[*shared, *renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    _quieten()


def _quieten() -> None:
    # uvicorn tells of its own start and stop; ours say more. What goes wrong is still told.
    for name in ("uvicorn", "uvicorn.error", "alembic", "httpx2", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _for_machines(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:  # half a surrogate pair, or a key that is no text
        return json.dumps(event, default=repr)


def _for_people() -> Processor:
    # Not structlog's default tracebacks: with rich installed those print local variables.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: WrappedLogger, name: str, event: EventDict) -> Any:
        stamp = str(event.get("timestamp", ""))
        return console(logger, name, {**event, "timestamp": stamp[11:19]})

    return render
