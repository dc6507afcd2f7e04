"""What the database driver raises becomes an error of ours; the driver's own text stays inside."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from iam.errors import IamError, conflict, unavailable

_log = structlog.get_logger(__name__)

# Serialization failure, deadlock, lock timeout, statement timeout, shutdown, still starting, too
# many connections.
_PASSING = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"})
# What keeps PostgreSQL from writing: a full disk (53), an error of the file system (58), a server
# that only reads.
_UNWRITABLE: Final = ("53", "58", "25006")
# The driver names the extended code, such as `SQLITE_IOERR_WRITE`.
_SQLITE_UNWRITABLE: Final = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR")
_ADVICE: Final = "what cannot be written to the audit log does not happen: make room, or look why"
# What asyncpg raises on a connection that the server ended while this process stood still.
_OUT_OF_STEP = "InternalClientError"
_CONNECTION = "08"
"""The class of what goes wrong with a connection. One never made is not `invalidated` either."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise `IamError` in place of what the driver and SQLAlchemy raise.

    Kind `conflict` when somebody else changed the same thing, kind `unavailable` when another try
    may succeed. Anything else is a defect and passes unchanged.
    """
    try:
        yield
    except StaleDataError as error:
        message = "somebody else changed this meanwhile; read it again"
        raise conflict("changed_meanwhile", message) from error
    except IntegrityError as error:
        raise contradiction() from error
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        _alarm(error)
        if not is_outage(error):
            raise
        message = "the database does not answer; try again"
        raise unavailable("database_unavailable", message, retry_after=1) from error


def contradiction() -> IamError:
    """The error for a broken constraint that no use case expected."""
    return conflict("conflict", "this contradicts something that exists; read it again and retry")


def is_outage(error: BaseException) -> bool:
    """Whether another try may succeed: no connection, a lock or a statement that took too long."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeoutError | OSError)
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return True
    if type(error.orig).__name__ == _OUT_OF_STEP:
        return True
    state = _state(error)
    return state in _PASSING or state.startswith((_CONNECTION, *_UNWRITABLE))


def _alarm(error: BaseException) -> None:
    """Say aloud that changes are refused because the database cannot write (AL-08)."""
    if not isinstance(error, DBAPIError):
        return
    state, code = _state(error), getattr(error.orig, "sqlite_errorname", "")
    if state.startswith(_UNWRITABLE) or code.startswith(_SQLITE_UNWRITABLE):
        _log.error("database_unwritable", reason=state or code, advice=_ADVICE)


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
