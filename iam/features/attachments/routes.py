"""JSON API of what users, services, roles and groups hold. The same routes for each kind.

A policy is named by its name, id or ARN; an ARN contains slashes, so it ends the address.
"""

from iam.features.attachments import service
from iam.features.attachments.rules import HolderKind, action_on
from iam.features.attachments.schemas import (
    AttachedPolicyOut,
    BoundaryIn,
    BoundaryOut,
    InlinePolicyIn,
    InlinePolicyNameOut,
    InlinePolicyOut,
    PutInlinePolicyOut,
)
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work


def _router(kind: HolderKind) -> ApiRouter:
    router = ApiRouter(tag=kind.collection)
    _attached(router, kind)
    _inline(router, kind)
    if kind is not HolderKind.GROUP:
        _boundary(router, kind)
    return router


def _attached(router: ApiRouter, kind: HolderKind) -> None:
    path = f"/{kind.collection}/{{holder}}/attached-policies"

    @router.put(path + "/{policy:path}", action=action_on("Attach", kind, "Policy"))
    async def attach_policy(work: Work, holder: str, policy: str) -> AttachedPolicyOut:
        """Attach a managed policy; takes permission on the holder and on the policy."""
        attached = await service.attach_policy(work.uow, kind, holder=holder, policy=policy)
        return AttachedPolicyOut.of(work.uow, attached)

    @router.delete(
        path + "/{policy:path}", action=action_on("Detach", kind, "Policy"), status_code=204
    )
    async def detach_policy(work: Work, holder: str, policy: str) -> None:
        """Detach a managed policy; takes permission on the holder and on the policy."""
        await service.detach_policy(work.uow, kind, holder=holder, policy=policy)

    @router.get(path, action=action_on("ListAttached", kind, "Policies"))
    async def list_attached(
        work: Work, holder: str, limit: Limit = DEFAULT, cursor: Cursor = None
    ) -> PageOut[AttachedPolicyOut]:
        """List the managed policies that are attached, in order of attachment."""
        page = await service.list_attached(
            work.uow, kind, holder=holder, limit=limit, cursor=cursor
        )
        return page_out(page, lambda row: AttachedPolicyOut.of(work.uow, row))


def _inline(router: ApiRouter, kind: HolderKind) -> None:
    path = f"/{kind.collection}/{{holder}}/inline-policies"

    @router.put(path + "/{name}", action=action_on("Put", kind, "Policy"))
    async def put_inline_policy(
        work: Work, holder: str, name: str, body: InlinePolicyIn
    ) -> PutInlinePolicyOut:
        """Write an inline policy, new or in place of the one of this name.

        To replace one takes its `ETag` in `If-Match`.
        """
        row, findings = await service.put_inline_policy(
            work.uow,
            kind,
            holder=holder,
            name=name,
            document=body.document,
            expecting=work.expect_version,
        )
        return PutInlinePolicyOut.put(row, findings)

    @router.get(path + "/{name}", action=action_on("Get", kind, "Policy"))
    async def get_inline_policy(work: Work, holder: str, name: str) -> InlinePolicyOut:
        """Read an inline policy."""
        row = await service.get_inline_policy(work.uow, kind, holder=holder, name=name)
        return InlinePolicyOut.of(row)

    @router.delete(path + "/{name}", action=action_on("Delete", kind, "Policy"), status_code=204)
    async def delete_inline_policy(work: Work, holder: str, name: str) -> None:
        """Delete an inline policy. Send `If-Match`."""
        await service.delete_inline_policy(
            work.uow, kind, holder=holder, name=name, expecting=work.expect_version
        )

    @router.get(path, action=action_on("List", kind, "Policies"))
    async def list_inline_policies(work: Work, holder: str) -> PageOut[InlinePolicyNameOut]:
        """List the inline policies by name."""
        rows = await service.list_inline_policies(work.uow, kind, holder=holder)
        return PageOut(items=[InlinePolicyNameOut.of(row) for row in rows], next_cursor=None)


def _boundary(router: ApiRouter, kind: HolderKind) -> None:
    path = f"/{kind.collection}/{{holder}}/permissions-boundary"

    @router.put(path, action=action_on("Put", kind, "PermissionsBoundary"))
    async def put_boundary(work: Work, holder: str, body: BoundaryIn) -> BoundaryOut:
        """Limit a principal to what a managed policy allows, whatever else it holds.

        Send `If-Match`. The `ETag` is the principal's.
        """
        row, policy = await service.put_boundary(
            work.uow, kind, holder=holder, policy=body.policy, expecting=work.expect_version
        )
        return BoundaryOut.of(work.uow, row, policy)

    @router.delete(path, action=action_on("Delete", kind, "PermissionsBoundary"), status_code=204)
    async def delete_boundary(work: Work, holder: str) -> None:
        """Lift the limit of a principal. Send `If-Match`. The `ETag` is the principal's."""
        await service.delete_boundary(work.uow, kind, holder=holder, expecting=work.expect_version)


routers = tuple(_router(kind) for kind in HolderKind)
"""One router a kind, so that the documentation shows each beside what it belongs to."""
