"""Finding signing keys."""

from sqlalchemy import select

from iam.features.signing_keys.rules import Purpose
from iam.models import SigningKey, SigningKeyState
from iam.work import UnitOfWork


async def find_key(
    uow: UnitOfWork, *, purpose: Purpose, state: SigningKeyState
) -> SigningKey | None:
    """The one key of this purpose in this state, `prepared` or `active`."""
    query = select(SigningKey).where(SigningKey.purpose == purpose, SigningKey.state == state)
    found: SigningKey | None = await uow.scalar(query)
    return found
