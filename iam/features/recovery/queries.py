"""Finding recovery recipients, and reading recovery keys."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from iam.errors import unavailable
from iam.kit.age import Identity, parse_identities
from iam.models import RecoveryRecipient
from iam.work import UnitOfWork


async def list_recipients(
    uow: UnitOfWork, *, only_confirmed: bool = False
) -> Sequence[RecoveryRecipient]:
    """Who can recover the master key."""
    query = select(RecoveryRecipient).order_by(RecoveryRecipient.created_at)
    if only_confirmed:
        query = query.where(RecoveryRecipient.confirmed_at.is_not(None))
    found: Sequence[RecoveryRecipient] = (await uow.scalars(query)).all()
    return found


def read_identities(path: Path) -> list[Identity]:
    """The recovery keys in a file. Raises `IamError` when it cannot be read, or holds none."""
    try:
        return parse_identities(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise unavailable("file_unreadable", f"cannot read `{path}`: {reason}") from None
