"""JSON API of webhooks."""

from iam.authz.actions import Action
from iam.features.webhooks import service as webhooks
from iam.features.webhooks.schemas import (
    DeliveryOut,
    ReplayOut,
    State,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhookWithSecretOut,
)
from iam.http.listing import DEFAULT, Cursor, Limit, PageOut, page_out
from iam.http.router import ApiRouter
from iam.http.work import Work

router = ApiRouter(tag="webhooks")


@router.post("/webhooks", action=Action.CREATE_WEBHOOK, status_code=201, shows_secret=True)
async def create_webhook(work: Work, body: WebhookIn) -> WebhookWithSecretOut:
    """Make a webhook; its signing secret is shown once."""
    view, secret = await webhooks.create_webhook(
        work.uow, outbound=work.runtime.outbound, **body.model_dump()
    )
    work.location = f"/v1/webhooks/{view.webhook.id}"
    return WebhookWithSecretOut.showing(work.uow, view, secret=secret)


@router.get("/webhooks", action=Action.LIST_WEBHOOKS)
async def list_webhooks(
    work: Work, limit: Limit = DEFAULT, cursor: Cursor = None
) -> PageOut[WebhookOut]:
    """List webhooks, oldest first."""
    page = await webhooks.list_webhooks(work.uow, limit=limit, cursor=cursor)
    return page_out(page, lambda view: WebhookOut.of(work.uow, view))


@router.get("/webhooks/{webhook}", action=Action.GET_WEBHOOK)
async def get_webhook(work: Work, webhook: str) -> WebhookOut:
    """Read a webhook; never its secret."""
    return WebhookOut.of(work.uow, await webhooks.get_webhook(work.uow, webhook=webhook))


@router.patch("/webhooks/{webhook}", action=Action.UPDATE_WEBHOOK)
async def update_webhook(work: Work, webhook: str, body: WebhookPatch) -> WebhookOut:
    """Change a webhook. Send `If-Match`."""
    view = await webhooks.update_webhook(
        work.uow,
        webhook=webhook,
        changes=body.model_dump(exclude_unset=True),
        expecting=work.expect_version,
        outbound=work.runtime.outbound,
    )
    return WebhookOut.of(work.uow, view)


@router.delete("/webhooks/{webhook}", action=Action.DELETE_WEBHOOK, status_code=204)
async def delete_webhook(work: Work, webhook: str) -> None:
    """Delete a webhook; what is queued is not sent. Send `If-Match`."""
    await webhooks.delete_webhook(work.uow, webhook=webhook, expecting=work.expect_version)


@router.post(
    "/webhooks/{webhook}:disable",
    action=Action.DISABLE_WEBHOOK,
    example={"status": "disabled", "disabled_reason": "by_request"},
)
async def disable_webhook(work: Work, webhook: str) -> WebhookOut:
    """Send nothing more; what is queued dies, and can be replayed later."""
    return WebhookOut.of(work.uow, await webhooks.disable_webhook(work.uow, webhook=webhook))


@router.post("/webhooks/{webhook}:enable", action=Action.ENABLE_WEBHOOK)
async def enable_webhook(work: Work, webhook: str) -> WebhookOut:
    """Send events again, from now on; the caller owns it then."""
    return WebhookOut.of(work.uow, await webhooks.enable_webhook(work.uow, webhook=webhook))


@router.post(
    "/webhooks/{webhook}:rotate-secret", action=Action.ROTATE_WEBHOOK_SECRET, shows_secret=True
)
async def rotate_webhook_secret(work: Work, webhook: str) -> WebhookWithSecretOut:
    """Make a new signing secret; the old one signs as well for a day."""
    view, secret = await webhooks.rotate_secret(work.uow, webhook=webhook)
    return WebhookWithSecretOut.showing(work.uow, view, secret=secret)


@router.post("/webhooks/{webhook}:test", action=Action.TEST_WEBHOOK)
async def test_webhook(work: Work, webhook: str) -> WebhookOut:
    """Send it the event `iam.webhook.tested.v1`; its deliveries tell what became of it."""
    return WebhookOut.of(work.uow, await webhooks.test_webhook(work.uow, webhook=webhook))


@router.get("/webhooks/{webhook}/deliveries", action=Action.LIST_WEBHOOK_DELIVERIES)
async def list_webhook_deliveries(
    work: Work,
    webhook: str,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
    state: State | None = None,
) -> PageOut[DeliveryOut]:
    """List what was and is to be sent, newest first: `?state=dead`."""
    page = await webhooks.list_deliveries(
        work.uow, webhook=webhook, state=state, limit=limit, cursor=cursor
    )
    return page_out(page, DeliveryOut.of)


@router.post(
    "/webhooks/{webhook}/deliveries/{delivery}:replay",
    action=Action.REPLAY_WEBHOOK_DELIVERIES,
    operation_id="ReplayWebhookDelivery",
)
async def replay_webhook_delivery(work: Work, webhook: str, delivery: str) -> ReplayOut:
    """Queue one dead delivery again."""
    view, count = await webhooks.replay_deliveries(work.uow, webhook=webhook, delivery=delivery)
    return ReplayOut.counting(work.uow, view, count)


@router.post(
    "/webhooks/{webhook}/deliveries:replay",
    action=Action.REPLAY_WEBHOOK_DELIVERIES,
)
async def replay_webhook_deliveries(work: Work, webhook: str) -> ReplayOut:
    """Queue dead deliveries again, oldest first, at most a thousand at once."""
    view, count = await webhooks.replay_deliveries(work.uow, webhook=webhook)
    return ReplayOut.counting(work.uow, view, count)
