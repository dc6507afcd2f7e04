"""Finding routes and templates."""

import hashlib
from typing import Any

from sqlalchemy import func, select

from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import MAIN_ACCOUNT, DeliveryChannel, MailRoute, MailTemplate
from iam.work import UnitOfWork


def channel_id_of(account: str) -> str:
    """The id of the queue of an account's mail."""
    return f"mail_{hashlib.blake2b(account.encode(), digest_size=13).hexdigest()}"


async def find_route(uow: UnitOfWork, name: str) -> MailRoute | None:
    """The route of the caller's account with this name."""
    query = select(MailRoute).where(
        MailRoute.account == uow.caller.account, MailRoute.name_key == name.casefold()
    )
    found: MailRoute | None = await uow.scalar(query)
    return found


async def count_routes(uow: UnitOfWork) -> int:
    """How many routes the caller's account has."""
    query = select(func.count()).where(MailRoute.account == uow.caller.account)
    found: int = await uow.scalar(query)
    return found


async def list_routes(uow: UnitOfWork, *, limit: int, cursor: str | None) -> Page[MailRoute]:
    """One page of the account's routes, oldest first."""
    return await _page(uow, MailRoute, limit=limit, cursor=cursor)


async def list_templates(uow: UnitOfWork, *, limit: int, cursor: str | None) -> Page[MailTemplate]:
    """One page of the account's own templates, oldest first."""
    return await _page(uow, MailTemplate, limit=limit, cursor=cursor)


async def find_template(uow: UnitOfWork, account: str, name: str) -> MailTemplate | None:
    """The account's own text of a template."""
    query = select(MailTemplate).where(MailTemplate.account == account, MailTemplate.name == name)
    found: MailTemplate | None = await uow.scalar(query)
    return found


async def routes_for(uow: UnitOfWork, account: str) -> list[MailRoute]:
    """The routes of an account, or else those of `main`, the first to try first."""
    query = select(MailRoute).where(MailRoute.account.in_({account, MAIN_ACCOUNT}))
    rows = (await uow.scalars(query.order_by(MailRoute.preference, MailRoute.id))).all()
    own = [row for row in rows if row.account == account]
    return own or list(rows)


async def has_channel(uow: UnitOfWork, account: str) -> bool:
    """Whether the account has a queue for mail already."""
    return await uow.get(DeliveryChannel, channel_id_of(account)) is not None


async def _page(uow: UnitOfWork, model: Any, *, limit: int, cursor: str | None) -> Page[Any]:
    scope = framed(model.__tablename__, uow.caller.account)
    query = select(model).where(model.account == uow.caller.account)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(model.id > last)
    rows = (await uow.scalars(query.order_by(model.id).limit(limit + 1))).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))
