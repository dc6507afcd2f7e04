"""Finding principals. Every read is bound to one account."""

from typing import TypeVar

from sqlalchemy import select

from iam.kit.framing import framed
from iam.kit.ids import is_id
from iam.kit.pages import Page
from iam.models import Principal
from iam.work import UnitOfWork

Kind = TypeVar("Kind", bound=Principal)


async def find_principal(
    uow: UnitOfWork, kind: type[Kind], reference: str, *, account: str | None = None
) -> Kind | None:
    """The principal with this id or name; names are compared without case."""
    account = account or uow.caller.account
    matches = kind.id == reference if is_id(reference) else kind.name_key == reference.casefold()
    found: Kind | None = await uow.scalar(select(kind).where(kind.account == account, matches))
    return found


async def list_principals(
    uow: UnitOfWork,
    kind: type[Kind],
    *,
    limit: int,
    cursor: str | None,
    path_prefix: str,
    status: str | None,
) -> Page[Kind]:
    """One page of an account's principals of one kind, oldest first."""
    account = uow.caller.account
    scope = framed("principals", account, kind.__name__, path_prefix, status or "")
    query = select(kind).where(kind.account == account).order_by(kind.id).limit(limit + 1)
    if path_prefix != "/":
        query = query.where(kind.path.startswith(path_prefix, autoescape=True))
    if status is not None:
        query = query.where(kind.status == status)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(kind.id > last)
    rows = (await uow.scalars(query)).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))
