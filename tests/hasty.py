"""What an installation in a test need not pay for: the disk's promises, and compiling twice.

Every test has an installation of its own, whose statements are those of all others. SQLAlchemy
keeps what it has compiled by the engine and by the dialect object, so that each test would compile
them all again, which takes longer than running them.
"""

from typing import Any

from sqlalchemy import event, util
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from iam.kit.database import Database
from iam.models import Base

_SIZE = 5_000


class _Compiled(util.LRUCache[Any, Any]):
    """Compiled statements by the name of the dialect instead of its object."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_named(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_named(key), value)


def _named(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return (key[0].name, *key[1:])


_compiled = _Compiled(_SIZE)


def hurry(database: Database) -> None:
    """Have this database share what was compiled before, and not wait for the disk."""
    for engine in (database.engine.sync_engine, database._beside.sync_engine):
        engine._compiled_cache = _compiled
        if database.is_sqlite:
            event.listen(engine, "connect", _trust_the_machine)


def _trust_the_machine(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # What power loss would take does not matter here; what a commit costs does.
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


for _mapper in Base.registry.mappers:  # the rows that a session writes have caches of their own
    _mapper._compiled_cache = _Compiled(_SIZE)
