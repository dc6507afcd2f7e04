"""JSON API of groups and their members."""

from typing import Annotated

from fastapi import Query

from iam.authz.actions import Action
from iam.features.groups import service as groups
from iam.features.groups.schemas import GroupIn, GroupOut, GroupPatch, MemberOut
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="groups")


@router.post("/groups", action=Action.CREATE_GROUP, status_code=201)
async def create_group(work: Work, body: GroupIn) -> GroupOut:
    """Create a group."""
    group = await groups.create_group(work.uow, **body.model_dump())
    work.location = f"/v1/groups/{group.id}"
    return GroupOut.of(work.uow, group)


@router.get("/groups", action=Action.LIST_GROUPS)
async def list_groups(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    path_prefix: Annotated[str, Query(max_length=512)] = "/",
) -> PageOut[GroupOut]:
    """List groups, oldest first."""
    page = await groups.list_groups(work.uow, limit=limit, cursor=cursor, path_prefix=path_prefix)
    return page_out(page, lambda row: GroupOut.of(work.uow, row))


@router.get("/groups/{group}", action=Action.GET_GROUP)
async def get_group(work: Work, group: str) -> GroupOut:
    """Read a group, by name or id."""
    return GroupOut.of(work.uow, await groups.get_group(work.uow, group=group))


@router.patch("/groups/{group}", action=Action.UPDATE_GROUP)
async def update_group(work: Work, group: str, body: GroupPatch) -> GroupOut:
    """Change a group. Send `If-Match`."""
    row = await groups.update_group(
        work.uow,
        group=group,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return GroupOut.of(work.uow, row)


@router.delete("/groups/{group}", action=Action.DELETE_GROUP, status_code=204)
async def delete_group(work: Work, group: str) -> None:
    """Delete a group that has no members and no policies. Send `If-Match`."""
    await groups.delete_group(work.uow, group=group, expecting=work.expect_version)


@router.get("/groups/{group}/members", action=Action.GET_GROUP, operation_id="ListGroupMembers")
async def list_members(
    work: Work, group: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[MemberOut]:
    """List who is in a group."""
    page = await groups.list_members(work.uow, group=group, limit=limit, cursor=cursor)
    return page_out(page, MemberOut.of)


@router.put(
    "/groups/{group}/members/{kind}/{principal}",
    action=Action.ADD_USER_TO_GROUP,
    status_code=204,
)
async def add_member(work: Work, group: str, kind: str, principal: str) -> None:
    """Put a `user` or `service` into a group, by name or id. Groups do not nest."""
    await groups.add_member(work.uow, group=group, kind=kind, principal=principal)


@router.delete(
    "/groups/{group}/members/{kind}/{principal}",
    action=Action.REMOVE_USER_FROM_GROUP,
    status_code=204,
)
async def remove_member(work: Work, group: str, kind: str, principal: str) -> None:
    """Take a `user` or `service` out of a group, by name or id."""
    await groups.remove_member(work.uow, group=group, kind=kind, principal=principal)


@router.get("/users/{user}/groups", action=Action.LIST_GROUPS_FOR_USER)
async def list_groups_for_user(
    work: Work, user: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[GroupOut]:
    """List the groups that a user is in."""
    page = await groups.list_groups_for_user(work.uow, user=user, limit=limit, cursor=cursor)
    return page_out(page, lambda row: GroupOut.of(work.uow, row))


@router.get("/services/{service}/groups", action=Action.LIST_GROUPS_FOR_SERVICE)
async def list_groups_for_service(
    work: Work, service: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[GroupOut]:
    """List the groups that a service is in."""
    page = await groups.list_groups_for_service(
        work.uow, service=service, limit=limit, cursor=cursor
    )
    return page_out(page, lambda row: GroupOut.of(work.uow, row))
