"""Use cases of roles. Assuming one is elsewhere."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from iam.authz.actions import Action
from iam.features.policies.service import choose_boundary
from iam.features.principal_elements.rules import Document
from iam.features.principal_elements.service import stored_document
from iam.features.principals import service as principals
from iam.features.principals.service import VersionCheck
from iam.features.roles import queries
from iam.features.roles.queries import RoleView
from iam.features.roles.rules import TRUST_POLICY, checked_trust_policy
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import PrincipalKind, PrincipalStatus, Role
from iam.work import UnitOfWork


async def create_role(
    uow: UnitOfWork,
    *,
    name: str,
    trust_policy: Document,
    path: str = "/",
    max_session_seconds: int,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    permissions_boundary: str | None = None,
) -> RoleView:
    """Create a role that those may assume whom its trust policy names.

    Raises `conflict` when the name is taken, `invalid` when the trust policy names somebody
    unknown.
    """
    tags = dict(tags or {})
    boundary = await choose_boundary(uow, permissions_boundary)
    await principals.authorize_creation(
        uow,
        PrincipalKind.ROLE,
        name=name,
        path=path,
        tags=tags,
        context=boundary.context,
    )
    row = Role(
        id=new_id(IdKind.ROLE, uow.now),
        account=uow.caller.account,
        name=name,
        path=path,
        trust_policy=await _stored(uow, trust_policy),
        max_session_seconds=max_session_seconds,
        description=description,
        tags=tags,
        boundary_policy_id=boundary.policy_id(),
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(row, taken=principals.name_taken(PrincipalKind.ROLE, name))
    uow.emit(EventType.ROLE_CREATED, row)
    return await _view(uow, row)


async def get_role(uow: UnitOfWork, *, role: str) -> RoleView:
    """The role with this name or id."""
    return await _view(uow, await principals.authorized_principal(uow, Role, role, Action.GET_ROLE))


async def list_roles(
    uow: UnitOfWork,
    *,
    limit: int,
    cursor: str | None = None,
    path_prefix: str = "/",
    status: str | None = None,
) -> Page[RoleView]:
    """One page of the account's roles, oldest first."""
    page = await principals.list_authorized(
        uow, Role, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )
    return Page(await queries.views(uow, page.items), page.next_cursor)


async def update_role(
    uow: UnitOfWork, *, role: str, changes: Mapping[str, Any], expecting: VersionCheck
) -> RoleView:
    """Change `description` or `max_session_seconds`."""
    row = await principals.authorized_principal(uow, Role, role, Action.UPDATE_ROLE)
    expecting(row.version)
    for field, value in changes.items():
        setattr(row, field, value)
    if uow.session.is_modified(row):
        row.updated_at = uow.now
        uow.emit(EventType.ROLE_UPDATED, row)
        await uow.flush()
    return await _view(uow, row)


async def update_trust_policy(
    uow: UnitOfWork, *, role: str, trust_policy: Document, expecting: VersionCheck
) -> RoleView:
    """Put another trust policy in place of the present one: who may assume the role."""
    action = Action.UPDATE_ASSUME_ROLE_POLICY
    row = await principals.authorized_principal(uow, Role, role, action)
    expecting(row.version)
    stored = await _stored(uow, trust_policy)
    if json.loads(stored) != json.loads(row.trust_policy or "{}"):
        row.trust_policy = stored
        row.updated_at = uow.now
        uow.emit(EventType.ROLE_TRUST_POLICY_UPDATED, row)
        await uow.flush()
    return await _view(uow, row)


async def delete_role(uow: UnitOfWork, *, role: str, expecting: VersionCheck) -> None:
    """Delete a role with its attachments and inline policies, for good."""
    row = await principals.authorized_principal(uow, Role, role, Action.DELETE_ROLE)
    expecting(row.version)
    uow.emit(EventType.ROLE_DELETED, row)
    await uow.delete(row)


async def disable_role(uow: UnitOfWork, *, role: str) -> RoleView:
    """Disable a role; every session of it ends at once."""
    row = await principals.set_status(uow, Role, role, status=PrincipalStatus.DISABLED)
    return await _view(uow, row)


async def enable_role(uow: UnitOfWork, *, role: str) -> RoleView:
    """Enable a role again; sessions from before stay ended."""
    row = await principals.set_status(uow, Role, role, status=PrincipalStatus.ACTIVE)
    return await _view(uow, row)


async def tag_role(
    uow: UnitOfWork, *, role: str, tags: Mapping[str, str], expecting: VersionCheck
) -> RoleView:
    """Add tags, or give present ones a new value."""
    return await _view(uow, await principals.tag(uow, Role, role, tags=tags, expecting=expecting))


async def untag_role(
    uow: UnitOfWork, *, role: str, keys: Sequence[str], expecting: VersionCheck
) -> RoleView:
    """Remove tags; a key that is not there is no error."""
    return await _view(uow, await principals.untag(uow, Role, role, keys=keys, expecting=expecting))


async def _view(uow: UnitOfWork, row: Role) -> RoleView:
    return (await queries.views(uow, [row]))[0]


async def _stored(uow: UnitOfWork, document: Document) -> str:
    """The trust policy as it is stored: principals by id. Raises `invalid` with JSON paths."""
    checked_trust_policy(document, uow.settings.policies.limits())
    return await stored_document(uow, document, what=TRUST_POLICY)
