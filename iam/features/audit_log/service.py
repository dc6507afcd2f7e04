"""Use cases of the audit log."""

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import not_found
from iam.features.audit_log import queries
from iam.features.audit_log.queries import EventFilter
from iam.kit.pages import Page
from iam.models import AuditEntry
from iam.work import UnitOfWork


async def list_events(
    uow: UnitOfWork, *, wanted: EventFilter, limit: int, cursor: str | None
) -> Page[AuditEntry]:
    """One page of what happened in the caller's account, newest first."""
    resource = uow.arn_of("audit", uow.caller.account, "event/*")
    await authorize(uow, Action.LIST_AUDIT_EVENTS, resource)
    return await queries.list_entries(uow, wanted, limit=limit, cursor=cursor)


async def get_event(uow: UnitOfWork, *, event_id: str) -> AuditEntry:
    """One event. Raises `not_found` for one of another account as for none at all."""
    resource = uow.arn_of("audit", uow.caller.account, f"event/{event_id[:64]}")
    await authorize(uow, Action.GET_AUDIT_EVENT, resource)
    entry = await queries.find_entry(uow, event_id)
    if entry is None:
        raise not_found("not_found", "there is no such event")
    return entry
