"""JSON API of resource policies. The ARN of the resource ends the address, percent-encoded."""

from typing import Annotated

from fastapi import Query

from iam.authz.actions import Action
from iam.features.catalogues.service import examine
from iam.features.principal_elements.rules import stored_text
from iam.features.resource_policies import service as policies
from iam.features.resource_policies.schemas import (
    PutResourcePolicyOut,
    ResourceDocumentOut,
    ResourcePolicyIn,
    ResourcePolicyOut,
)
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam_policy import DocumentKind

router = ApiRouter(tag="resource policies")

_ONE = "/resource-policies/{resource:path}"


@router.get("/resource-policies", action=Action.LIST_RESOURCE_POLICIES)
async def list_resource_policies(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    prefix: Annotated[
        str, Query(max_length=2048, description="only ARNs that begin like this")
    ] = "",
) -> PageOut[ResourcePolicyOut]:
    """List the resources that have a policy, oldest policy first."""
    page = await policies.list_resource_policies(
        work.uow, prefix=prefix, limit=limit, cursor=cursor
    )
    return page_out(page, ResourcePolicyOut.of)


@router.put(_ONE, action=Action.PUT_RESOURCE_POLICY)
async def put_resource_policy(
    work: Work, resource: str, body: ResourcePolicyIn
) -> PutResourcePolicyOut:
    """Write the policy of a resource, new or in place of the present one.

    It speaks about the resource and what is below it. To replace one takes its `ETag` in
    `If-Match`. The answer has lint's findings.
    """
    view = await policies.put_resource_policy(
        work.uow, resource=resource, document=body.document, expecting=work.expect_version
    )
    findings = await examine(work.uow, stored_text(body.document), DocumentKind.RESOURCE)
    return PutResourcePolicyOut.put(view, findings)


@router.get(_ONE, action=Action.GET_RESOURCE_POLICY)
async def get_resource_policy(work: Work, resource: str) -> ResourceDocumentOut:
    """Read the policy of a resource."""
    view = await policies.get_resource_policy(work.uow, resource=resource)
    return ResourceDocumentOut.showing(view)


@router.delete(_ONE, action=Action.DELETE_RESOURCE_POLICY, status_code=204)
async def delete_resource_policy(work: Work, resource: str) -> None:
    """Delete the policy of a resource. Send `If-Match`."""
    await policies.delete_resource_policy(
        work.uow, resource=resource, expecting=work.expect_version
    )
