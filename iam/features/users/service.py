"""Use cases of users."""

from collections.abc import Mapping

from iam.authz.actions import Action
from iam.errors import conflict
from iam.features.policies.service import choose_boundary
from iam.features.principals import service as principals
from iam.features.principals.service import VersionCheck
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import PrincipalKind, PrincipalStatus, User
from iam.work import UnitOfWork


async def create_user(
    uow: UnitOfWork,
    *,
    name: str,
    path: str = "/",
    display_name: str | None = None,
    email: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    permissions_boundary: str | None = None,
) -> User:
    """Create a user. Raises `conflict` when the name is taken."""
    tags = dict(tags or {})
    boundary = await choose_boundary(uow, permissions_boundary)
    await principals.authorize_creation(
        uow,
        PrincipalKind.USER,
        name=name,
        path=path,
        tags=tags,
        context=boundary.context,
    )
    user = User(
        id=new_id(IdKind.USER, uow.now),
        account=uow.caller.account,
        name=name,
        path=path,
        display_name=display_name,
        email=email,
        description=description,
        tags=tags,
        boundary_policy_id=boundary.policy_id(),
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(user, taken=principals.name_taken(PrincipalKind.USER, name))
    uow.emit(EventType.USER_CREATED, user)
    return user


async def get_user(uow: UnitOfWork, *, user: str) -> User:
    """The user with this name or id."""
    return await principals.authorized_principal(uow, User, user, Action.GET_USER)


async def list_users(
    uow: UnitOfWork,
    *,
    limit: int,
    cursor: str | None = None,
    path_prefix: str = "/",
    status: str | None = None,
) -> Page[User]:
    """One page of the account's users, oldest first."""
    return await principals.list_authorized(
        uow, User, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )


async def update_user(
    uow: UnitOfWork, *, user: str, changes: Mapping[str, str | None], expecting: VersionCheck
) -> User:
    """Change `display_name`, `email` or `description`."""
    row = await principals.authorized_principal(uow, User, user, Action.UPDATE_USER)
    expecting(row.version)
    for field, value in changes.items():
        setattr(row, field, value)
    if uow.session.is_modified(row):
        row.updated_at = uow.now
        uow.emit(EventType.USER_UPDATED, row)
        await uow.flush()
    return row


async def delete_user(uow: UnitOfWork, *, user: str, expecting: VersionCheck) -> None:
    """Delete a user with its credentials, memberships and inline policies, for good.

    Raises `conflict` while it owns a service.
    """
    row = await principals.authorized_principal(uow, User, user, Action.DELETE_USER)
    expecting(row.version)
    uow.emit(EventType.USER_DELETED, row)
    owns = conflict("owner_in_use", f"`{row.name}` still owns a service; hand it over first")
    await uow.delete(row, in_use=owns)


async def disable_user(uow: UnitOfWork, *, user: str) -> User:
    """Disable a user; every token it has ends at once."""
    return await principals.set_status(uow, User, user, status=PrincipalStatus.DISABLED)


async def enable_user(uow: UnitOfWork, *, user: str) -> User:
    """Enable a user again; tokens from before stay ended."""
    return await principals.set_status(uow, User, user, status=PrincipalStatus.ACTIVE)
