"""Gives up on a connection to PostgreSQL over which no answer comes.

The server itself ends a statement that takes too long. When it cannot (it stands still, or what is
sent reaches nobody and no connection breaks), this side ends the connection shortly afterwards, so
that whoever waits is told to try again, and the pool gets another one (F-07).
"""

import asyncio
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

UNHURRIED: Final = "iam_unhurried"
"""The execution option of a connection on which a statement may take as long as it likes."""
_TIMER: Final = "iam_timer"


def give_up(engine: AsyncEngine, *, after: float) -> None:
    """End a connection of this engine when a statement or a commit takes so many seconds."""

    def begin(connection: Connection, *_: Any) -> None:
        if connection.invalidated:
            return  # it is gone: there is nothing to wait for
        end(connection)
        if connection.get_execution_options().get(UNHURRIED):
            return
        driver = connection.connection.driver_connection
        if driver is not None:
            loop = asyncio.get_running_loop()
            connection.info[_TIMER] = loop.call_later(after, driver.terminate)

    def end(connection: Connection, *_: Any) -> None:
        _stop(connection.info)

    # What the pool has back is between two transactions: the commit or rollback is over, too.
    for name in ("before_cursor_execute", "commit", "rollback"):
        event.listen(engine.sync_engine, name, begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "checkin", lambda _, record: _stop(record.info))


def _stop(info: dict[Any, Any]) -> None:
    timer: asyncio.TimerHandle | None = info.pop(_TIMER, None)
    if timer is not None:
        timer.cancel()
