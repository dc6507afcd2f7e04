"""Work that PostgreSQL broke off in favour of another is done again, a few times.

A transaction that lost a deadlock, or could not be put in order with others, is rolled back whole:
nothing of it happened, and the same again may well succeed.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError

from iam.errors import IamError

RETRIES: Final = 3
"""How often it is tried again before the caller has to."""
_COLLISIONS: Final = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""

Result = TypeVar("Result")


async def retried(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do a whole transaction, and again up to three times if it collided with another.

    Raises what `work` raises: after the last try, or at once when it was no collision.
    """
    for _ in range(RETRIES):
        try:
            return await work()
        except Exception as error:
            if not is_collision(error):
                raise
    return await work()


def is_collision(error: BaseException | None) -> bool:
    """Whether the transaction was rolled back only because another was there at the same time."""
    if isinstance(error, IamError):
        error = error.__cause__
    if isinstance(error, DBAPIError):
        error = error.orig
    return getattr(error, "sqlstate", None) in _COLLISIONS
