"""JSON API of guardrails. What they are attached to ends the address, as it contains a slash."""

from typing import Annotated

from fastapi import Path

from iam.authz.actions import Action
from iam.features.catalogues.service import examine
from iam.features.guardrails import service as guardrails
from iam.features.guardrails.schemas import (
    GuardrailDocumentOut,
    GuardrailIn,
    GuardrailOut,
    PutGuardrailOut,
    TargetOut,
)
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work
from iam.models import GuardrailKind
from iam_policy import DocumentKind

router = ApiRouter(tag="guardrails")

Kind = Annotated[GuardrailKind, Path(alias="type", description="`scp` or `rcp`")]
_ONE = "/guardrails/{type}/{name}"


@router.get("/guardrails", action=Action.LIST_GUARDRAILS, operation_id="ListGuardrails")
async def list_guardrails(
    work: Work,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    kind: GuardrailKind | None = None,
) -> PageOut[GuardrailOut]:
    """List guardrails, oldest first. Only principals of `main` may."""
    page = await guardrails.list_guardrails(work.uow, kind=kind, limit=limit, cursor=cursor)
    return page_out(page, lambda row: GuardrailOut.of(work.uow, row))


@router.put(_ONE, action=Action.UPDATE_GUARDRAIL, operation_id="PutGuardrail")
async def put_guardrail(work: Work, kind: Kind, name: str, body: GuardrailIn) -> PutGuardrailOut:
    """Write a guardrail, new or in place of the one of this name; the answer has lint's findings.

    A new one takes `organizations:CreatePolicy` besides, and binds nobody until it is attached. To
    replace one takes its `ETag` in `If-Match`.
    """
    row = await guardrails.put_guardrail(
        work.uow,
        kind,
        name=name,
        document=body.document,
        description=body.description,
        expecting=work.expect_version,
    )
    findings = await examine(work.uow, row.document, DocumentKind(kind))
    return PutGuardrailOut.put(work.uow, row, findings)


@router.get(_ONE, action=Action.DESCRIBE_GUARDRAIL, operation_id="GetGuardrail")
async def get_guardrail(work: Work, kind: Kind, name: str) -> GuardrailDocumentOut:
    """Read a guardrail."""
    row = await guardrails.get_guardrail(work.uow, kind, name=name)
    return GuardrailDocumentOut.of(work.uow, row)


@router.delete(
    _ONE, action=Action.DELETE_GUARDRAIL, operation_id="DeleteGuardrail", status_code=204
)
async def delete_guardrail(work: Work, kind: Kind, name: str) -> None:
    """Delete a guardrail that is attached nowhere. Send `If-Match`."""
    await guardrails.delete_guardrail(work.uow, kind, name=name, expecting=work.expect_version)


@router.get(
    _ONE + "/attachments",
    action=Action.LIST_GUARDRAIL_TARGETS,
    operation_id="ListGuardrailAttachments",
)
async def list_attachments(
    work: Work, kind: Kind, name: str, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[TargetOut]:
    """List what a guardrail is attached to, in order of attachment."""
    page = await guardrails.list_targets(work.uow, kind, name=name, limit=limit, cursor=cursor)
    return page_out(page, lambda row: TargetOut.of(work.uow, row))


@router.put(
    _ONE + "/attachments/{target:path}",
    action=Action.ATTACH_GUARDRAIL,
    operation_id="AttachGuardrail",
)
async def attach_guardrail(work: Work, kind: Kind, name: str, target: str) -> TargetOut:
    """Attach a guardrail to `installation` or to `account/NAME`; takes permission on both."""
    row = await guardrails.attach_guardrail(work.uow, kind, name=name, target=target)
    return TargetOut.of(work.uow, row)


@router.delete(
    _ONE + "/attachments/{target:path}",
    action=Action.DETACH_GUARDRAIL,
    operation_id="DetachGuardrail",
    status_code=204,
)
async def detach_guardrail(work: Work, kind: Kind, name: str, target: str) -> None:
    """Take a guardrail off `installation` or `account/NAME`; takes permission on both.

    A level without any guardrail for principals allows them nothing.
    """
    await guardrails.detach_guardrail(work.uow, kind, name=name, target=target)
