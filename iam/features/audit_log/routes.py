"""JSON API of the audit log. It reads, and can make the log forget who is deleted."""

from typing import Annotated, Literal

from fastapi import Query

from iam.authz.actions import Action
from iam.features.audit_log import service
from iam.features.audit_log.queries import EventFilter
from iam.features.audit_log.schemas import (
    AuditEventOut,
    ErasureIn,
    ErasureOut,
    LinesOut,
    PublicKeysOut,
)
from iam.http.instants import Instant
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="audit log")

_Text = Annotated[str | None, Query(max_length=700)]


@router.get("/audit-events", action=Action.LIST_AUDIT_EVENTS, operation_id="ListAuditEvents")
async def list_events(  # noqa: PLR0917 -- each is a query parameter, passed by name
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    event_type: Annotated[str | None, Query(alias="type", max_length=80)] = None,
    actor: _Text = None,
    target: _Text = None,
    outcome: Literal["success", "denied"] | None = None,
    decision_id: _Text = None,
    request_id: _Text = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> PageOut[AuditEventOut]:
    """List events, newest first. `type` may end in `*`; `actor` and `target` are ARNs or ids.

    A page that finds too little among 20,000 events is short, or empty, and `next_cursor` goes on.
    """
    wanted = EventFilter(
        type=event_type, actor=actor, target=target, outcome=outcome, decision_id=decision_id,
        request_id=request_id, since=since, until=until,
    )  # fmt: skip
    page = await service.list_events(work.uow, wanted=wanted, limit=limit, cursor=cursor)
    return page_out(page, AuditEventOut.of)


@router.get("/audit-events/{event}", action=Action.GET_AUDIT_EVENT, operation_id="GetAuditEvent")
async def get_event(work: Work, event: str) -> AuditEventOut:
    """Read one event."""
    return AuditEventOut.of(await service.get_event(work.uow, event_id=event))


@router.get("/audit-log/lines", action=Action.EXPORT_AUDIT_EVENTS, operation_id="ExportAuditEvents")
async def export_events(
    work: Work,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
    cursor: Cursor = None,
) -> LinesOut:
    """Read the sealed log from its beginning, line by line, to verify it elsewhere."""
    found, after = await service.export_lines(work.uow, limit=limit, cursor=cursor)
    return LinesOut(lines=list(found.lines), next_cursor=after)


@router.get(
    "/audit-log/keys",
    action=Action.GET_AUDIT_PUBLIC_KEYS,
    operation_id="GetAuditPublicKeys",
)
async def get_public_keys(work: Work) -> PublicKeysOut:
    """Read the public keys that checkpoints are signed with. Keep them apart from the log."""
    return PublicKeysOut(keys=await service.public_keys(work.uow))


@router.post(
    "/audit-log:erase",
    action=Action.ERASE_AUDIT_PRINCIPAL,
    operation_id="EraseAuditPrincipal",
)
async def erase_principal(work: Work, body: ErasureIn) -> ErasureOut:
    """Erase names, addresses and values of a deleted principal. The seal of the log still holds."""
    count = await service.erase(work.uow, principal=body.principal)
    return ErasureOut(principal=body.principal, entries=count)
