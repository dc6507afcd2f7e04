"""Finding signing keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from iam.features.signing_keys.rules import Purpose
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import SigningKey, SigningKeyState
from iam.work import UnitOfWork


async def find_key(
    uow: UnitOfWork, *, purpose: Purpose, state: SigningKeyState
) -> SigningKey | None:
    """The one key of this purpose in this state, `prepared` or `active`."""
    query = select(SigningKey).where(SigningKey.purpose == purpose, SigningKey.state == state)
    found: SigningKey | None = await uow.scalar(query)
    return found


async def published_keys(uow: UnitOfWork, *, purpose: Purpose) -> Sequence[SigningKey]:
    """The keys of this purpose that are not gone, oldest first."""
    query = (
        select(SigningKey)
        .where(SigningKey.purpose == purpose, SigningKey.state != SigningKeyState.GONE)
        .order_by(SigningKey.created_at, SigningKey.kid)
    )
    found: Sequence[SigningKey] = (await uow.scalars(query)).all()
    return found


async def lock_keys(uow: UnitOfWork, *, purpose: Purpose) -> Sequence[SigningKey]:
    """As `published_keys`; whoever else is about to change them waits until this work ends."""
    query = (
        select(SigningKey)
        .where(SigningKey.purpose == purpose, SigningKey.state != SigningKeyState.GONE)
        .order_by(SigningKey.created_at, SigningKey.kid)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found: Sequence[SigningKey] = (await uow.scalars(query)).all()
    return found


async def list_keys(
    uow: UnitOfWork, *, limit: int, cursor: str | None, state: str | None
) -> Page[SigningKey]:
    """One page of all keys, oldest first, those that are gone included."""
    scope = framed("signing_keys", state or "")
    query = select(SigningKey).order_by(SigningKey.created_at, SigningKey.kid).limit(limit + 1)
    if state is not None:
        query = query.where(SigningKey.state == state)
    if cursor is not None:
        moment, kid = uow.tools.cursors.decode(cursor, scope=scope)
        at = datetime.fromisoformat(moment)
        same = and_(SigningKey.created_at == at, SigningKey.kid > kid)
        query = query.where(or_(SigningKey.created_at > at, same))
    rows = (await uow.scalars(query)).all()
    return Page.cut(
        rows,
        limit,
        lambda row: uow.tools.cursors.encode([row.created_at.isoformat(), row.kid], scope=scope),
    )
