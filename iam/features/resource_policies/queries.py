"""Finding resource policies. Every read is bound to one account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from iam.features.principal_elements.queries import readable
from iam.kit.framing import framed
from iam.kit.pages import Page
from iam.models import ResourcePolicy, resource_key
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ResourcePolicyView:
    """A resource policy and its document as people read it, with ARNs for ids."""

    row: ResourcePolicy
    document: dict[str, Any]


async def view(uow: UnitOfWork, row: ResourcePolicy) -> ResourcePolicyView:
    """This policy with its document."""
    (document,) = await readable(uow, [row.document])
    return ResourcePolicyView(row, document)


async def find_policy(uow: UnitOfWork, resource: str) -> ResourcePolicy | None:
    """The policy of this resource of the caller's account."""
    account = uow.caller.account
    query = select(ResourcePolicy).where(
        ResourcePolicy.resource_key == resource_key(account, resource),
        ResourcePolicy.account == account,
    )
    found: ResourcePolicy | None = await uow.scalar(query)
    return found


async def list_policies(
    uow: UnitOfWork, *, prefix: str, limit: int, cursor: str | None
) -> Page[ResourcePolicy]:
    """One page of the account's resource policies, oldest first."""
    account = uow.caller.account
    scope = framed("resource-policies", account, prefix)
    query = select(ResourcePolicy).where(ResourcePolicy.account == account)
    if prefix:
        # Not LIKE: SQLite's makes no difference between `Invoice` and `invoice`.
        query = query.where(func.substr(ResourcePolicy.resource, 1, len(prefix)) == prefix)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(ResourcePolicy.id > last)
    found = await uow.scalars(query.order_by(ResourcePolicy.id).limit(limit + 1))
    rows: Sequence[ResourcePolicy] = found.all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=scope))
