"""Finding principals. Every read is bound to one account."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sqlalchemy import select

from iam.features.principals.rules import Reference, check_path_prefix
from iam.kit.framing import framed
from iam.kit.ids import is_id
from iam.kit.pages import Page
from iam.models import Principal, Role, Service, User
from iam.work import UnitOfWork

Kind = TypeVar("Kind", bound=Principal)

MODELS: Mapping[str, type[Principal]] = {"user": User, "service": Service, "role": Role}
"""The class of each kind of principal, by the word in its ARN."""


async def find_principal(
    uow: UnitOfWork, kind: type[Kind], reference: str, *, account: str | None = None
) -> Kind | None:
    """The principal with this id or name; names are compared without case."""
    if not reference.isprintable():
        return None  # nothing is called so, and PostgreSQL does not even take a NUL to compare
    account = account or uow.caller.account
    matches = kind.id == reference if is_id(reference) else kind.name_key == reference.casefold()
    found: Kind | None = await uow.scalar(select(kind).where(kind.account == account, matches))
    return found


async def find_referenced(uow: UnitOfWork, reference: Reference) -> Principal | None:
    """The principal of the caller's account that this names; `None` for a group, too."""
    model = MODELS.get(reference.kind)
    row = None if model is None else await find_principal(uow, model, reference.key)
    is_elsewhere = row is not None and reference.path not in (None, row.path)
    return None if is_elsewhere else row


async def arns_by_id(uow: UnitOfWork, ids: Iterable[str]) -> dict[str, str]:
    """The ARNs of those ids that are principals of the caller's account."""
    account = uow.caller.account
    # Columns, not rows: a row loaded through the parent class lacks what only its kind has.
    wanted = select(Principal.id, Principal.kind, Principal.path, Principal.name).where(
        Principal.account == account, Principal.id.in_(sorted(set(ids)))
    )
    found = await uow.execute(wanted)
    return {row.id: uow.arn_of("iam", account, f"{row.kind}{row.path}{row.name}") for row in found}


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
    check_path_prefix(path_prefix)
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
