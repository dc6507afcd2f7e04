"""Finding catalogues: the account's own, and those of this service itself."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import func, select

from iam.authz.catalogues import own_catalogues
from iam.features.catalogues.rules import is_prefix, may_be_named
from iam.features.principals.queries import arns_by_id
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import ActionCatalogue
from iam.work import UnitOfWork
from iam_policy import catalogue as engine

_KEPT: Final = 64
"""Catalogues in parsed form; parsing one of a thousand actions takes some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """A catalogue as it is shown; of this service's own, only prefix and document are there."""

    prefix: str
    document: str
    id: str | None = None
    owner_id: str | None = None
    owner_arn: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    version: int | None = None


async def find_catalogue(uow: UnitOfWork, prefix: str) -> ActionCatalogue | None:
    """The account's own catalogue of this prefix."""
    if not is_prefix(prefix):
        return None
    query = select(ActionCatalogue).where(
        ActionCatalogue.account == uow.caller.account, ActionCatalogue.prefix == prefix
    )
    found: ActionCatalogue | None = await uow.scalar(query)
    return found


def find_own(prefix: str) -> CatalogueView | None:
    """The catalogue of this service itself that has this prefix."""
    return next((found for found in _own_views() if found.prefix == prefix), None)


async def count_catalogues(uow: UnitOfWork) -> int:
    """How many catalogues the account has."""
    count = select(func.count()).where(ActionCatalogue.account == uow.caller.account)
    found: int = await uow.scalar(count)
    return found


async def list_catalogues(
    uow: UnitOfWork, *, limit: int, cursor: str | None
) -> Page[CatalogueView]:
    """One page: this service's own first, then the account's, oldest first."""
    account = uow.caller.account
    bound = framed("action-catalogues", account)
    last = "" if cursor is None else uow.tools.cursors.decode(cursor, scope=bound)[0]
    shown = [each for each in _own_views() if _place(each) > last]
    if len(shown) <= limit:
        query = select(ActionCatalogue).where(ActionCatalogue.account == account)
        if last.startswith(_LATER):
            query = query.where(ActionCatalogue.id > last.removeprefix(_LATER))
        rows = await uow.scalars(query.order_by(ActionCatalogue.id).limit(limit + 1 - len(shown)))
        shown += await views(uow, rows.all())
    return Page.cut(shown, limit, lambda row: uow.tools.cursors.encode([_place(row)], scope=bound))


async def views(uow: UnitOfWork, rows: Sequence[ActionCatalogue]) -> list[CatalogueView]:
    """These catalogues with the ARNs of their owners."""
    arns = await arns_by_id(uow, (row.service_id for row in rows))
    return [
        CatalogueView(
            prefix=row.prefix,
            document=row.document,
            id=row.id,
            owner_id=row.service_id,
            owner_arn=arns[row.service_id],
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )
        for row in rows
    ]


async def known_catalogues(uow: UnitOfWork, text: str) -> list[engine.ActionCatalogue]:
    """What is known of actions, to examine this document by.

    Every registered prefix is there; what stands under it, only if the document names it.
    """
    account = uow.caller.account
    query = select(ActionCatalogue.prefix).where(ActionCatalogue.account == account)
    prefixes = list(await uow.scalars(query))
    folded = text.casefold()
    named = [prefix for prefix in prefixes if may_be_named(prefix, folded)]
    others = [engine.ActionCatalogue(prefix, ()) for prefix in set(prefixes) - set(named)]
    return [*own_catalogues(), *await _read(uow, named), *others]


async def _read(uow: UnitOfWork, prefixes: Iterable[str]) -> list[engine.ActionCatalogue]:
    query = select(ActionCatalogue.prefix, ActionCatalogue.document).where(
        ActionCatalogue.account == uow.caller.account,
        ActionCatalogue.prefix.in_(sorted(prefixes)),
    )
    return [_parsed(row.prefix, row.document) for row in await uow.execute(query)]


@lru_cache(maxsize=_KEPT)
def _parsed(prefix: str, text: str) -> engine.ActionCatalogue:
    try:
        return engine.parse_catalogue(text)
    except engine.CatalogueError:  # written by a newer release, or damaged in storage
        return engine.ActionCatalogue(prefix, ())


@lru_cache(maxsize=1)
def _own_views() -> tuple[CatalogueView, ...]:
    found = sorted(own_catalogues(), key=lambda each: each.prefix)
    return tuple(CatalogueView(each.prefix, _text(each)) for each in found)


def _text(catalogue: engine.ActionCatalogue) -> str:
    document: dict[str, Any] = engine.catalogue_document(catalogue)
    return json.dumps(document)


# What the account has comes after what every account has.
_LATER: Final = "1/"


def _place(view: CatalogueView) -> str:
    return f"0/{view.prefix}" if view.id is None else _LATER + view.id
