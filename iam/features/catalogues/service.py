"""Use cases of action catalogues."""

from collections.abc import Mapping
from typing import Any

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, invalid, not_found
from iam.features.catalogues import queries
from iam.features.catalogues.queries import CatalogueView
from iam.features.catalogues.rules import (
    MAX_CATALOGUES,
    MAX_PREFIX,
    check_free,
    checked_catalogue,
)
from iam.features.principals.queries import find_referenced
from iam.features.principals.rules import parse_reference
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import ActionCatalogue, Service
from iam.work import UnitOfWork
from iam_policy import DocumentKind
from iam_policy.lint import Finding, lint


async def put_catalogue(
    uow: UnitOfWork,
    *,
    prefix: str,
    document: Mapping[str, Any],
    owner: str | None,
    expecting: VersionCheck,
) -> CatalogueView:
    """Register the catalogue of a prefix, or replace the one that its owner registered.

    The owner is the service that is named; without a name the calling service, and where a person
    calls, the present owner. The condition key `iam:CatalogueOwner` is its ARN.

    Raises `conflict` when the prefix is another service's, or reserved; `invalid` with every
    defect of the document.
    """
    row = await queries.find_catalogue(uow, prefix)
    service = await _wanted_owner(uow, owner, row)
    await _authorize(uow, Action.PUT_ACTION_CATALOGUE, prefix, owner=service)
    check_free(prefix)
    if service is None:
        raise _owner_unknown(owner)
    text = checked_catalogue(document, prefix=prefix)
    if row is None:
        expecting(None)
        return await _view(uow, await _register(uow, prefix, text, service))
    if row.service_id != service.id:
        raise _taken(prefix)
    expecting(row.version)
    if row.document != text:
        row.document = text
        row.updated_at = uow.now
        uow.emit(EventType.ACTION_CATALOGUE_UPDATED, row)
        await uow.flush()
    return await _view(uow, row)


async def get_catalogue(uow: UnitOfWork, *, prefix: str) -> CatalogueView:
    """The catalogue of this prefix: one of the account's, or of this service itself."""
    await _authorize(uow, Action.GET_ACTION_CATALOGUE, prefix)
    own = queries.find_own(prefix)
    if own is not None:
        return own
    row = await queries.find_catalogue(uow, prefix)
    if row is None:
        raise _no_such_catalogue(prefix)
    return await _view(uow, row)


async def list_catalogues(
    uow: UnitOfWork, *, limit: int, cursor: str | None = None
) -> Page[CatalogueView]:
    """One page of the catalogues: this service's own, then the account's, oldest first."""
    await _authorize(uow, Action.LIST_ACTION_CATALOGUES, "*")
    return await queries.list_catalogues(uow, limit=limit, cursor=cursor)


async def delete_catalogue(uow: UnitOfWork, *, prefix: str, expecting: VersionCheck) -> None:
    """Delete a catalogue; its prefix is free again."""
    row = await queries.find_catalogue(uow, prefix)
    owner = None if row is None else await uow.get(Service, row.service_id)
    await _authorize(uow, Action.DELETE_ACTION_CATALOGUE, prefix, owner=owner)
    check_free(prefix)
    if row is None:
        raise _no_such_catalogue(prefix)
    expecting(row.version)
    uow.emit(EventType.ACTION_CATALOGUE_DELETED, row)
    await uow.delete(row)


async def examine(
    uow: UnitOfWork, text: str, kind: DocumentKind = DocumentKind.IDENTITY
) -> tuple[Finding, ...]:
    """What lint says about a valid document, by the catalogues of the caller's account."""
    catalogues = await queries.known_catalogues(uow, text)
    limits = uow.settings.policies.limits()
    return lint(text, kind, catalogues=catalogues, document_limits=limits)


async def _register(uow: UnitOfWork, prefix: str, text: str, service: Service) -> ActionCatalogue:
    if await queries.count_catalogues(uow) >= MAX_CATALOGUES:
        message = f"the account has {MAX_CATALOGUES} catalogues already; delete one first"
        raise conflict("limit_exceeded", message)
    row = ActionCatalogue(
        id=new_id(IdKind.CATALOGUE, uow.now),
        account=uow.caller.account,
        prefix=prefix,
        service_id=service.id,
        document=text,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(row, taken=_taken(prefix))
    uow.emit(EventType.ACTION_CATALOGUE_CREATED, row)
    return row


async def _wanted_owner(
    uow: UnitOfWork, owner: str | None, row: ActionCatalogue | None
) -> Service | None:
    if owner is not None:
        account = uow.caller.account
        named = parse_reference(owner, partition=uow.settings.partition, account=account)
        found = None if named is None else await find_referenced(uow, named)
        return found if isinstance(found, Service) else None
    if uow.caller.kind == "service":
        return await uow.get(Service, uow.caller.id)
    return None if row is None else await uow.get(Service, row.service_id)


async def _authorize(
    uow: UnitOfWork, action: Action, prefix: str, *, owner: Service | None = None
) -> None:
    resource = f"action-catalogue/{prefix[:MAX_PREFIX]}"
    context = {} if owner is None else {"iam:CatalogueOwner": uow.arn(owner)}
    arn = uow.arn_of("iam", uow.caller.account, resource)
    await authorize(uow, action, arn, context=context)


async def _view(uow: UnitOfWork, row: ActionCatalogue) -> CatalogueView:
    return (await queries.views(uow, [row]))[0]


def _taken(prefix: str) -> IamError:
    message = f"the prefix `{prefix}` belongs to another service"
    return conflict("prefix_taken", message)


def _owner_unknown(owner: str | None) -> IamError:
    if owner is None:
        return invalid("owner_required", "say which service owns the prefix: `service/billing`")
    return invalid("owner_unknown", f"there is no service `{owner[:128]}`")


def _no_such_catalogue(prefix: str) -> IamError:
    return not_found("not_found", f"there is no action catalogue `{prefix[:128]}`")
