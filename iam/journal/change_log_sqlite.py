"""How the change log is followed on SQLite: by polling, for what another process wrote.

Only `--local` commands do that; what this process commits it knows at once.
"""

from typing import Any, Final

from sqlalchemy import Executable, bindparam, func, select

from iam.kit.database import Database
from iam.models import Change

_READ: Final = (
    select(Change.seq, Change.entity_id)
    .where(Change.seq > bindparam("position"))
    .order_by(Change.seq)
)
_END: Final = select(func.coalesce(func.max(Change.seq), 0).label("seq"))


class SqliteChangeLog:
    """Reads what is new, beside the pool that requests use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = 0

    async def seek_end(self) -> None:
        """Pass over all that is there."""
        (end,) = await self._rows(_END)
        self._position = end.seq

    async def read(self) -> list[str]:
        """The ids of what has changed since the last reading, in order."""
        rows = await self._rows(_READ)
        if rows:
            self._position = rows[-1].seq
        return [row.entity_id for row in rows]

    async def close(self) -> None:
        """Nothing is kept open here."""

    async def _rows(self, query: Executable) -> list[Any]:
        async with self._database.connect_beside() as connection:
            return list(await connection.execute(query, {"position": self._position}))
