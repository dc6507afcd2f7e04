"""JSON API of access."""

from typing import Annotated

from fastapi import Query

from iam.authz.actions import Action
from iam.authz.questions import MAX_ACTION, MAX_RESOURCE
from iam.features.access import service
from iam.features.access.schemas import GrantOut, PrincipalWithAccessOut
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="access")

_MAX_PAGE = 1_000
"""More than elsewhere: each page finds out anew who could be on it."""


@router.get("/who-can", action=Action.LIST_PRINCIPALS_WITH_ACCESS)
async def who_can(
    work: Work,
    action: Annotated[str, Query(max_length=MAX_ACTION, description="`billing:GetInvoice`")],
    resource: Annotated[str, Query(max_length=MAX_RESOURCE, description="an ARN, or `*`")],
    limit: Annotated[
        int, Query(ge=1, le=_MAX_PAGE, description=f"items on a page, at most {_MAX_PAGE}")
    ] = DEFAULT,
    cursor: Cursor = None,
) -> PageOut[PrincipalWithAccessOut]:
    """List the account's users, services and roles that may do this to that, and by which path."""
    page = await service.list_principals_with_access(
        work.uow, action=action, resource=resource, limit=limit, cursor=cursor
    )
    return page_out(page, PrincipalWithAccessOut.of)


@router.get("/principals/{reference:path}/access", action=Action.LIST_PRINCIPAL_ACCESS)
async def list_access(
    work: Work, reference: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[GrantOut]:
    """List what a user, service or role may do: its statements, and what is left of each.

    `reference` is an ARN, an id, or kind and name such as `user/alice`.
    """
    page = await service.list_principal_access(
        work.uow, principal=reference, limit=limit, cursor=cursor
    )
    return page_out(page, GrantOut.showing)
