"""What the database driver raises becomes an error of ours; the driver's own text stays inside."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from iam.errors import IamError, conflict, unavailable

# Serialization failure, deadlock, lock timeout, statement timeout, shutdown, still starting, too
# many connections.
_PASSING = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"})
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
    state = getattr(error.orig, "sqlstate", None) or ""
    return state in _PASSING or state.startswith(_CONNECTION)
