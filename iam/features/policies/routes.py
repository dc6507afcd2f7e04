"""JSON API of managed policies.

A policy is named by its name or id. Where the reference ends the address it may also be an ARN,
which contains slashes; those routes come last, so that `/versions` is not read as part of one.
"""

from typing import Annotated

from fastapi import Query

from iam.authz.actions import Action
from iam.features.policies import service
from iam.features.policies.queries import Scope
from iam.features.policies.rules import version_id
from iam.features.policies.schemas import (
    CreatedPolicyOut,
    CreatedVersionOut,
    EntityOut,
    PolicyDocumentOut,
    PolicyIn,
    PolicyOut,
    PolicyPatch,
    PolicyVersionIn,
    PolicyVersionOut,
)
from iam.features.principals.schemas import TagsIn
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="policies")


@router.post("/policies", action=Action.CREATE_POLICY, status_code=201)
async def create_policy(work: Work, body: PolicyIn) -> CreatedPolicyOut:
    """Create a managed policy; its document becomes version `v1`."""
    policy, findings = await service.create_policy(work.uow, **body.model_dump())
    work.location = f"/v1/policies/{policy.id}"
    return CreatedPolicyOut.created(work.uow, policy, findings)


@router.get("/policies", action=Action.LIST_POLICIES)
async def list_policies(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    path_prefix: Annotated[str, Query(max_length=512)] = "/",
    scope: Scope = Scope.ALL,
) -> PageOut[PolicyOut]:
    """List the account's own policies, the shipped ones, or both; oldest first."""
    page = await service.list_policies(
        work.uow, limit=limit, cursor=cursor, path_prefix=path_prefix, scope=scope
    )
    return page_out(page, lambda row: PolicyOut.of(work.uow, row))


@router.post("/policies/{policy}/tags", action=Action.TAG_POLICY)
async def tag_policy(work: Work, policy: str, body: TagsIn) -> PolicyOut:
    """Add tags to a policy, or give present ones a new value. `If-Match` is heeded."""
    row = await service.tag_policy(
        work.uow, policy=policy, tags=body.tags, expecting=work.heed_version
    )
    return PolicyOut.of(work.uow, row)


@router.delete("/policies/{policy}/tags", action=Action.UNTAG_POLICY)
async def untag_policy(
    work: Work, policy: str, keys: Annotated[list[str], Query(alias="key", max_length=50)]
) -> PolicyOut:
    """Remove tags from a policy: `?key=team&key=site`. `If-Match` is heeded."""
    row = await service.untag_policy(
        work.uow, policy=policy, keys=keys, expecting=work.heed_version
    )
    return PolicyOut.of(work.uow, row)


@router.get("/policies/{policy}/entities", action=Action.LIST_ENTITIES_FOR_POLICY)
async def list_entities(
    work: Work, policy: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[EntityOut]:
    """List whom a policy is attached to, and whom it limits as permissions boundary."""
    page = await service.list_entities(work.uow, policy=policy, limit=limit, cursor=cursor)
    return page_out(page, lambda row: EntityOut.of(work.uow, row))


@router.post("/policies/{policy}/versions", action=Action.CREATE_POLICY_VERSION, status_code=201)
async def create_version(work: Work, policy: str, body: PolicyVersionIn) -> CreatedVersionOut:
    """Add a version to a policy, and make it the default if so asked.

    `If-Match` with the policy's `ETag` is heeded.
    """
    row, version, findings = await service.create_version(
        work.uow,
        policy=policy,
        document=body.document,
        set_as_default=body.set_as_default,
        expecting=work.heed_version,
    )
    work.location = f"/v1/policies/{row.id}/versions/{version_id(version.number)}"
    return CreatedVersionOut.created(row, version, findings)


@router.get("/policies/{policy}/versions", action=Action.LIST_POLICY_VERSIONS)
async def list_versions(work: Work, policy: str) -> PageOut[PolicyVersionOut]:
    """List the versions of a policy, newest first; there are at most five."""
    row, versions = await service.list_versions(work.uow, policy=policy)
    shown = [PolicyVersionOut.of(row, version) for version in versions]
    return PageOut(items=shown, next_cursor=None)


@router.get("/policies/{policy}/versions/{version}", action=Action.GET_POLICY_VERSION)
async def get_version(work: Work, policy: str, version: str) -> PolicyDocumentOut:
    """Read a version of a policy with its document."""
    row, found = await service.get_version(work.uow, policy=policy, version=version)
    return PolicyDocumentOut.of(row, found)


@router.delete(
    "/policies/{policy}/versions/{version}",
    action=Action.DELETE_POLICY_VERSION,
    status_code=204,
)
async def delete_version(work: Work, policy: str, version: str) -> None:
    """Delete a version of a policy that is not the default one."""
    await service.delete_version(work.uow, policy=policy, version=version)


@router.post(
    "/policies/{policy}/versions/{version}:set-default",
    action=Action.SET_DEFAULT_POLICY_VERSION,
)
async def set_default_version(work: Work, policy: str, version: str) -> PolicyOut:
    """Make a version the one that counts. `If-Match` with the policy's `ETag` is heeded."""
    row = await service.set_default_version(
        work.uow, policy=policy, version=version, expecting=work.heed_version
    )
    return PolicyOut.of(work.uow, row)


@router.get("/policies/{policy:path}", action=Action.GET_POLICY)
async def get_policy(work: Work, policy: str) -> PolicyOut:
    """Read a policy, by name, id or ARN."""
    return PolicyOut.of(work.uow, await service.get_policy(work.uow, policy=policy))


@router.patch("/policies/{policy:path}", action=Action.UPDATE_POLICY)
async def update_policy(work: Work, policy: str, body: PolicyPatch) -> PolicyOut:
    """Change the description of a policy. Send `If-Match`."""
    row = await service.update_policy(
        work.uow,
        policy=policy,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
    )
    return PolicyOut.of(work.uow, row)


@router.delete("/policies/{policy:path}", action=Action.DELETE_POLICY, status_code=204)
async def delete_policy(work: Work, policy: str) -> None:
    """Delete a policy that nobody uses, with its versions. Send `If-Match`."""
    await service.delete_policy(work.uow, policy=policy, expecting=work.expect_version)
