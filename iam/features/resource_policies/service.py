"""Use cases of resource policies."""

import json

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, invalid, not_found
from iam.features.principal_elements.rules import Document
from iam.features.principal_elements.service import stored_document
from iam.features.principals.service import VersionCheck
from iam.features.resource_policies import queries
from iam.features.resource_policies.queries import ResourcePolicyView
from iam.features.resource_policies.rules import (
    RESOURCE_POLICY,
    check_resource,
    checked_resource_policy,
)
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.pages import Page
from iam.models import ResourcePolicy
from iam.work import UnitOfWork


async def put_resource_policy(
    uow: UnitOfWork, *, resource: str, document: Document, expecting: VersionCheck
) -> ResourcePolicyView:
    """Write the policy of a resource, new or in place of the present one.

    Raises `invalid` with every defect of the document.
    """
    row = await _find_authorized(uow, resource, Action.PUT_RESOURCE_POLICY)
    checked_resource_policy(document, resource, uow.settings.policies.limits())
    text = await stored_document(uow, document, what=RESOURCE_POLICY)
    expecting(None if row is None else row.version)
    if row is None:
        row = await _create(uow, resource, text)
    elif json.loads(row.document) != json.loads(text):
        row.document = text
        row.updated_at = uow.now
        uow.emit(EventType.RESOURCE_POLICY_UPDATED, row)
        await uow.flush()
    return await queries.view(uow, row)


async def get_resource_policy(uow: UnitOfWork, *, resource: str) -> ResourcePolicyView:
    """The policy of a resource. Raises `not_found`."""
    row = await _find_authorized(uow, resource, Action.GET_RESOURCE_POLICY)
    if row is None:
        raise _no_policy(resource)
    return await queries.view(uow, row)


async def list_resource_policies(
    uow: UnitOfWork, *, prefix: str = "", limit: int, cursor: str | None = None
) -> Page[ResourcePolicy]:
    """One page of the policies of resources whose ARN begins so, oldest first."""
    if not prefix.isprintable():
        raise invalid("prefix_invalid", "expected the beginning of an ARN")
    await authorize(uow, Action.LIST_RESOURCE_POLICIES, f"{prefix}*")
    return await queries.list_policies(uow, prefix=prefix, limit=limit, cursor=cursor)


async def delete_resource_policy(
    uow: UnitOfWork, *, resource: str, expecting: VersionCheck
) -> None:
    """Delete the policy of a resource. Raises `not_found`."""
    row = await _find_authorized(uow, resource, Action.DELETE_RESOURCE_POLICY)
    if row is None:
        raise _no_policy(resource)
    expecting(row.version)
    uow.emit(EventType.RESOURCE_POLICY_DELETED, row)
    await uow.delete(row)


async def _create(uow: UnitOfWork, resource: str, text: str) -> ResourcePolicy:
    row = ResourcePolicy(
        id=new_id(IdKind.RESOURCE_POLICY, uow.now),
        account=uow.caller.account,
        resource=resource,
        document=text,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(row, taken=conflict("changed_meanwhile", "it got a policy meanwhile"))
    uow.emit(EventType.RESOURCE_POLICY_CREATED, row)
    return row


async def _find_authorized(uow: UnitOfWork, resource: str, action: Action) -> ResourcePolicy | None:
    """The policy of the resource, if it has one, for who may do this to it."""
    check_resource(resource, account=uow.caller.account)
    await authorize(uow, action, resource)
    return await queries.find_policy(uow, resource)


def _no_policy(resource: str) -> IamError:
    return not_found("not_found", f"`{resource[:128]}` has no policy")
