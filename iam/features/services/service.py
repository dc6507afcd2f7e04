"""Use cases of services."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm.attributes import flag_modified

from iam.authz.actions import Action
from iam.errors import conflict, invalid
from iam.features.groups.queries import find_referenced_group
from iam.features.policies.service import choose_boundary
from iam.features.principals import queries as principal_queries
from iam.features.principals import service as principals
from iam.features.principals.rules import parse_reference
from iam.features.principals.service import VersionCheck
from iam.features.services import queries
from iam.features.services.queries import ServiceView
from iam.features.services.rules import check_arn_as_audience, checked_audiences
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import PrincipalKind, PrincipalStatus, Service, ServiceAudience
from iam.work import UnitOfWork


async def create_service(
    uow: UnitOfWork,
    *,
    name: str,
    owner: str,
    path: str = "/",
    audiences: Sequence[str] = (),
    description: str = "",
    tags: Mapping[str, str] | None = None,
    permissions_boundary: str | None = None,
) -> ServiceView:
    """Create a service that a user or group looks after.

    Raises `conflict` when the name or one of the audiences is taken.
    """
    tags = dict(tags or {})
    boundary = await choose_boundary(uow, permissions_boundary)
    await principals.authorize_creation(
        uow,
        PrincipalKind.SERVICE,
        name=name,
        path=path,
        tags=tags,
        context=boundary.context,
    )
    owner_user_id, owner_group_id = await _owner(uow, owner)
    row = Service(
        id=new_id(IdKind.SERVICE, uow.now),
        account=uow.caller.account,
        name=name,
        path=path,
        description=description,
        tags=tags,
        boundary_policy_id=boundary.policy_id(),
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
        owner_user_id=owner_user_id,
        owner_group_id=owner_group_id,
    )
    check_arn_as_audience(uow.arn(row))
    wanted = _checked_audiences(uow, row, audiences)
    await uow.insert(row, taken=principals.name_taken(PrincipalKind.SERVICE, name))
    await _set_audiences(uow, row, wanted, present={})
    uow.emit(EventType.SERVICE_CREATED, row)
    return await _view(uow, row)


async def get_service(uow: UnitOfWork, *, service: str) -> ServiceView:
    """The service with this name or id."""
    row = await principals.authorized_principal(uow, Service, service, Action.GET_SERVICE)
    return await _view(uow, row)


async def list_services(
    uow: UnitOfWork,
    *,
    limit: int,
    cursor: str | None = None,
    path_prefix: str = "/",
    status: str | None = None,
) -> Page[ServiceView]:
    """One page of the account's services, oldest first."""
    page = await principals.list_authorized(
        uow, Service, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )
    return Page(await queries.views(uow, page.items), page.next_cursor)


async def update_service(
    uow: UnitOfWork, *, service: str, changes: Mapping[str, Any], expecting: VersionCheck
) -> ServiceView:
    """Change `description`, `owner` or `audiences`."""
    row = await principals.authorized_principal(uow, Service, service, Action.UPDATE_SERVICE)
    expecting(row.version)
    # All reads come before the first change: a read would write what is pending.
    owner = row.owner_user_id, row.owner_group_id
    if "owner" in changes:
        owner = await _owner(uow, changes["owner"])
    present = await queries.audience_rows(uow, row.id)
    wanted = list(present)
    if "audiences" in changes:
        wanted = _checked_audiences(uow, row, changes["audiences"])
    row.description = changes.get("description", row.description)
    row.owner_user_id, row.owner_group_id = owner
    if uow.session.is_modified(row) or present.keys() != set(wanted):
        row.updated_at = uow.now
        # The version must rise also when only audiences changed, and even within one instant.
        flag_modified(row, "updated_at")
        uow.emit(EventType.SERVICE_UPDATED, row)
        await _set_audiences(uow, row, wanted, present=present)
    return await _view(uow, row)


async def delete_service(uow: UnitOfWork, *, service: str, expecting: VersionCheck) -> None:
    """Delete a service with its credentials, audiences, memberships and inline policies."""
    row = await principals.authorized_principal(uow, Service, service, Action.DELETE_SERVICE)
    expecting(row.version)
    uow.emit(EventType.SERVICE_DELETED, row)
    await uow.delete(row)


async def disable_service(uow: UnitOfWork, *, service: str) -> ServiceView:
    """Disable a service; every token it has ends at once."""
    row = await principals.set_status(uow, Service, service, status=PrincipalStatus.DISABLED)
    return await _view(uow, row)


async def enable_service(uow: UnitOfWork, *, service: str) -> ServiceView:
    """Enable a service again; tokens from before stay ended."""
    row = await principals.set_status(uow, Service, service, status=PrincipalStatus.ACTIVE)
    return await _view(uow, row)


async def tag_service(
    uow: UnitOfWork, *, service: str, tags: Mapping[str, str], expecting: VersionCheck
) -> ServiceView:
    """Add tags, or give present ones a new value."""
    return await _view(
        uow, await principals.tag(uow, Service, service, tags=tags, expecting=expecting)
    )


async def untag_service(
    uow: UnitOfWork, *, service: str, keys: Sequence[str], expecting: VersionCheck
) -> ServiceView:
    """Remove tags; a key that is not there is no error."""
    return await _view(
        uow, await principals.untag(uow, Service, service, keys=keys, expecting=expecting)
    )


async def _view(uow: UnitOfWork, row: Service) -> ServiceView:
    return (await queries.views(uow, [row]))[0]


async def _owner(uow: UnitOfWork, text: str) -> tuple[str | None, str | None]:
    """User id and group id of an owner, one of them set.

    Raises `invalid` when no user or group of this account is meant.
    """
    account = uow.caller.account
    reference = parse_reference(text, partition=uow.settings.partition, account=account)
    if reference is not None and reference.kind == "user":
        user = await principal_queries.find_referenced(uow, reference)
        if user is not None:
            return user.id, None
    if reference is not None and reference.kind == "group":
        group = await find_referenced_group(uow, reference)
        if group is not None:
            return None, group.id
    raise invalid("owner_unknown", f"there is no user or group `{text[:128]}`")


def _checked_audiences(uow: UnitOfWork, row: Service, wanted: Sequence[str]) -> list[str]:
    reserved = (uow.settings.issuer, uow.settings.public_url)
    return checked_audiences(wanted, arn=uow.arn(row), reserved=reserved)


async def _set_audiences(
    uow: UnitOfWork, row: Service, wanted: Sequence[str], *, present: Mapping[str, ServiceAudience]
) -> None:
    """Store exactly these audiences, and what else is pending."""
    for uri in sorted(present.keys() - set(wanted)):
        await uow.session.delete(present[uri])
    for uri in sorted(set(wanted) - present.keys()):
        audience = ServiceAudience(account=row.account, uri=uri, service_id=row.id)
        taken = conflict("audience_taken", f"`{uri}` is an audience of another service")
        await uow.insert(audience, taken=taken)
    await uow.flush()
