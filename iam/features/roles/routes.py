"""JSON API of roles."""

from typing import Annotated, Literal

from fastapi import Query

from iam.authz.actions import Action
from iam.features.catalogues.service import examine
from iam.features.principal_elements.rules import stored_text
from iam.features.principals.schemas import TagsIn
from iam.features.roles import service as roles
from iam.features.roles.schemas import ExaminedRoleOut, RoleIn, RoleOut, RolePatch, TrustPolicyIn
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam_policy import DocumentKind

router = ApiRouter(tag="roles")


@router.post("/roles", action=Action.CREATE_ROLE, status_code=201)
async def create_role(work: Work, body: RoleIn) -> ExaminedRoleOut:
    """Create a role with the trust policy that says who may assume it; says what lint says."""
    view = await roles.create_role(work.uow, **body.model_dump())
    work.location = f"/v1/roles/{view.row.id}"
    findings = await examine(work.uow, stored_text(body.trust_policy), DocumentKind.TRUST)
    return ExaminedRoleOut.examined(work.uow, view, findings)


@router.get("/roles", action=Action.LIST_ROLES)
async def list_roles(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    path_prefix: Annotated[str, Query(max_length=512)] = "/",
    status: Literal["active", "disabled"] | None = None,
) -> PageOut[RoleOut]:
    """List roles, oldest first."""
    page = await roles.list_roles(
        work.uow, limit=limit, cursor=cursor, path_prefix=path_prefix, status=status
    )
    return page_out(page, lambda view: RoleOut.of(work.uow, view))


@router.get("/roles/{role}", action=Action.GET_ROLE)
async def get_role(work: Work, role: str) -> RoleOut:
    """Read a role, by name or id."""
    return RoleOut.of(work.uow, await roles.get_role(work.uow, role=role))


@router.patch("/roles/{role}", action=Action.UPDATE_ROLE)
async def update_role(work: Work, role: str, body: RolePatch) -> RoleOut:
    """Change a role. Its trust policy has an address of its own. Send `If-Match`."""
    view = await roles.update_role(
        work.uow,
        role=role,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return RoleOut.of(work.uow, view)


@router.put("/roles/{role}/trust-policy", action=Action.UPDATE_ASSUME_ROLE_POLICY)
async def update_trust_policy(work: Work, role: str, body: TrustPolicyIn) -> ExaminedRoleOut:
    """Replace the trust policy: who may assume the role; says what lint says. Send `If-Match`."""
    view = await roles.update_trust_policy(
        work.uow,
        role=role,
        trust_policy=body.trust_policy,
        expecting=work.expect_version,
    )
    findings = await examine(work.uow, stored_text(body.trust_policy), DocumentKind.TRUST)
    return ExaminedRoleOut.examined(work.uow, view, findings)


@router.delete("/roles/{role}", action=Action.DELETE_ROLE, status_code=204)
async def delete_role(work: Work, role: str) -> None:
    """Delete a role for good. Send `If-Match`."""
    await roles.delete_role(work.uow, role=role, expecting=work.expect_version)


@router.post("/roles/{role}:disable", action=Action.DISABLE_ROLE, example={"status": "disabled"})
async def disable_role(work: Work, role: str) -> RoleOut:
    """Disable a role: every session of it ends at once."""
    return RoleOut.of(work.uow, await roles.disable_role(work.uow, role=role))


@router.post("/roles/{role}:enable", action=Action.ENABLE_ROLE)
async def enable_role(work: Work, role: str) -> RoleOut:
    """Enable a role again; sessions from before stay ended."""
    return RoleOut.of(work.uow, await roles.enable_role(work.uow, role=role))


@router.post("/roles/{role}/tags", action=Action.TAG_ROLE)
async def tag_role(work: Work, role: str, body: TagsIn) -> RoleOut:
    """Add tags to a role, or give present ones a new value. `If-Match` is heeded."""
    view = await roles.tag_role(work.uow, role=role, tags=body.tags, expecting=work.heed_version)
    return RoleOut.of(work.uow, view)


@router.delete("/roles/{role}/tags", action=Action.UNTAG_ROLE)
async def untag_role(
    work: Work, role: str, keys: Annotated[list[str], Query(alias="key", max_length=50)]
) -> RoleOut:
    """Remove tags from a role: `?key=team&key=site`. `If-Match` is heeded."""
    view = await roles.untag_role(work.uow, role=role, keys=keys, expecting=work.heed_version)
    return RoleOut.of(work.uow, view)
