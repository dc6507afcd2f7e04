"""JSON API of mail."""

from iam.authz.actions import Action
from iam.features.mail import service as mail
from iam.features.mail.schemas import (
    MailDeliveryOut,
    MailPreviewOut,
    MailRouteIn,
    MailRouteOut,
    MailRoutePatch,
    MailTemplateOut,
    QueuedMailOut,
    State,
    TestMailIn,
    WordingIn,
)
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="mail")


@router.post("/mail-routes", action=Action.CREATE_MAIL_ROUTE, status_code=201)
async def create_mail_route(work: Work, body: MailRouteIn) -> MailRouteOut:
    """Add a server to send mail by."""
    row = await mail.create_route(work.uow, outbound=work.runtime.outbound, **body.model_dump())
    work.location = f"/v1/mail-routes/{row.name}"
    return MailRouteOut.of(work.uow, row)


@router.get("/mail-routes", action=Action.LIST_MAIL_ROUTES)
async def list_mail_routes(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[MailRouteOut]:
    """List routes, oldest first; they are tried by their preference."""
    page = await mail.list_routes(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda row: MailRouteOut.of(work.uow, row))


@router.get("/mail-routes/{route}", action=Action.GET_MAIL_ROUTE)
async def get_mail_route(work: Work, route: str) -> MailRouteOut:
    """Read a route; never its password."""
    return MailRouteOut.of(work.uow, await mail.get_route(work.uow, route=route))


@router.patch("/mail-routes/{route}", action=Action.UPDATE_MAIL_ROUTE)
async def update_mail_route(work: Work, route: str, body: MailRoutePatch) -> MailRouteOut:
    """Change a route. Send `If-Match`."""
    row = await mail.update_route(
        work.uow,
        route=route,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
        outbound=work.runtime.outbound,
    )
    return MailRouteOut.of(work.uow, row)


@router.delete("/mail-routes/{route}", action=Action.DELETE_MAIL_ROUTE, status_code=204)
async def delete_mail_route(work: Work, route: str) -> None:
    """Delete a route. Send `If-Match`."""
    await mail.delete_route(work.uow, route=route, expecting=work.expect_version)


@router.get("/mail-templates", action=Action.LIST_MAIL_TEMPLATES)
async def list_mail_templates(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[MailTemplateOut]:
    """List the account's own texts, oldest first."""
    page = await mail.list_templates(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda row: MailTemplateOut.of_row(work.uow, row))


@router.get("/mail-templates/{template}", action=Action.GET_MAIL_TEMPLATE)
async def get_mail_template(work: Work, template: str) -> MailTemplateOut:
    """Read what mails of one kind say: the account's own text, or the shipped one."""
    wording, row = await mail.get_template(work.uow, template=template)
    return MailTemplateOut.of(work.uow, template, wording, row)


@router.put("/mail-templates/{template}", action=Action.PUT_MAIL_TEMPLATE)
async def put_mail_template(work: Work, template: str, body: WordingIn) -> MailTemplateOut:
    """Give mails of one kind a text of the account's own; another takes its `ETag`."""
    row = await mail.put_template(
        work.uow, template=template, wording=body.wording(), expecting=work.expect_version
    )
    return MailTemplateOut.of_row(work.uow, row)


@router.delete("/mail-templates/{template}", action=Action.DELETE_MAIL_TEMPLATE, status_code=204)
async def delete_mail_template(work: Work, template: str) -> None:
    """Go back to the shipped text. Send `If-Match`."""
    await mail.delete_template(work.uow, template=template, expecting=work.expect_version)


@router.post("/mail-templates/{template}:preview", action=Action.PREVIEW_MAIL_TEMPLATE)
async def preview_mail_template(work: Work, template: str, body: WordingIn) -> MailPreviewOut:
    """See what a mail would look like with this text; nothing is kept or sent."""
    found = await mail.preview(work.uow, template=template, wording=body.wording())
    return MailPreviewOut.of(found)


@router.post("/mail:test", action=Action.SEND_TEST_MAIL)
async def send_test_mail(work: Work, body: TestMailIn) -> QueuedMailOut:
    """Send a mail that says nothing but that it arrived."""
    return QueuedMailOut(id=await mail.send_test(work.uow, recipient=body.to))


@router.get("/mail-deliveries", action=Action.LIST_MAIL_DELIVERIES)
async def list_mail_deliveries(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None, state: State | None = None
) -> PageOut[MailDeliveryOut]:
    """List what became of the account's mails, newest first: `?state=dead`."""
    page = await mail.list_deliveries(work.uow, state=state, limit=limit, cursor=cursor)
    return page_out(page, MailDeliveryOut.of)
