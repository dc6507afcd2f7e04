"""JSON API of users."""

from typing import Annotated, Literal

from fastapi import Query

from iam.authz.actions import Action
from iam.features.principals import service as principals
from iam.features.principals.schemas import TagsIn
from iam.features.users import service
from iam.features.users.schemas import UserIn, UserOut, UserPatch
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam.models import User

router = ApiRouter(tag="users")


@router.post("/users", action=Action.CREATE_USER, status_code=201)
async def create_user(work: Work, body: UserIn) -> UserOut:
    """Create a user."""
    user = await service.create_user(work.uow, **body.model_dump())
    work.location = f"/v1/users/{user.id}"
    return UserOut.of(work.uow, user)


@router.get("/users", action=Action.LIST_USERS)
async def list_users(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    path_prefix: Annotated[str, Query(max_length=512)] = "/",
    status: Literal["active", "disabled"] | None = None,
) -> PageOut[UserOut]:
    """List users, oldest first."""
    page = await service.list_users(
        work.uow, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )
    return page_out(page, lambda row: UserOut.of(work.uow, row))


@router.get("/users/{user}", action=Action.GET_USER)
async def get_user(work: Work, user: str) -> UserOut:
    """Read a user, by name or id."""
    return UserOut.of(work.uow, await service.get_user(work.uow, user=user))


@router.patch("/users/{user}", action=Action.UPDATE_USER)
async def update_user(work: Work, user: str, body: UserPatch) -> UserOut:
    """Change a user. Send `If-Match`."""
    row = await service.update_user(
        work.uow,
        user=user,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return UserOut.of(work.uow, row)


@router.delete("/users/{user}", action=Action.DELETE_USER, status_code=204)
async def delete_user(work: Work, user: str) -> None:
    """Delete a user for good. Send `If-Match`."""
    await service.delete_user(work.uow, user=user, expecting=work.expect_version)


@router.post("/users/{user}:disable", action=Action.DISABLE_USER, example={"status": "disabled"})
async def disable_user(work: Work, user: str) -> UserOut:
    """Disable a user: every token it has ends at once."""
    return UserOut.of(work.uow, await service.disable_user(work.uow, user=user))


@router.post("/users/{user}:enable", action=Action.ENABLE_USER)
async def enable_user(work: Work, user: str) -> UserOut:
    """Enable a user again; tokens from before stay ended."""
    return UserOut.of(work.uow, await service.enable_user(work.uow, user=user))


@router.post("/users/{user}/tags", action=Action.TAG_USER)
async def tag_user(work: Work, user: str, body: TagsIn) -> UserOut:
    """Add tags to a user, or give present ones a new value. `If-Match` is heeded."""
    row = await principals.tag(work.uow, User, user, tags=body.tags, expecting=work.heed_version)
    return UserOut.of(work.uow, row)


@router.delete("/users/{user}/tags", action=Action.UNTAG_USER)
async def untag_user(
    work: Work, user: str, keys: Annotated[list[str], Query(alias="key", max_length=50)]
) -> UserOut:
    """Remove tags from a user: `?key=team&key=site`. `If-Match` is heeded."""
    row = await principals.untag(work.uow, User, user, keys=keys, expecting=work.heed_version)
    return UserOut.of(work.uow, row)
