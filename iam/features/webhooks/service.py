"""Use cases of webhooks."""

from collections.abc import Mapping
from typing import Any, Final

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, invalid, not_found
from iam.features.deliveries import service as deliveries
from iam.features.deliveries.queries import list_deliveries as list_of_channel
from iam.features.principals.service import VersionCheck
from iam.features.webhooks import queries, rules
from iam.features.webhooks.queries import WebhookView, view_of
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.kit.outbound import Outbound
from iam.kit.pages import Page
from iam.kit.secrets import mint_webhook_secret
from iam.models import Delivery, Webhook, WebhookKind, WebhookStatus
from iam.work import UnitOfWork

CHANNEL: Final = "webhook"
"""The kind of the channels of webhooks, whatever their own kind."""
DISABLED: Final = "endpoint_disabled"
"""Why what is queued for a disabled webhook dies."""
BY_REQUEST: Final = "by_request"


async def create_webhook(
    uow: UnitOfWork,
    *,
    name: str,
    kind: str,
    url: str,
    event_types: list[str],
    description: str,
    secret: str | None,
    outbound: Outbound,
) -> tuple[WebhookView, str | None]:
    """Make a webhook; the second value is its signing secret, if it has one.

    `secret` is what a NATS server asks for. Raises `invalid` for an address that must not be
    called.
    """
    rules.check_name(name)
    resource = uow.arn_of("iam", uow.caller.account, f"webhook/{name}")
    await authorize(uow, Action.CREATE_WEBHOOK, resource)
    await _authorize_reading(uow)
    rules.check_patterns(event_types, known=EventType)
    _check_target(kind, url, outbound)
    if await queries.count_webhooks(uow) >= rules.MAX_WEBHOOKS:
        message = f"the account has {rules.MAX_WEBHOOKS} webhooks already; delete one first"
        raise conflict("limit_exceeded", message)
    row = Webhook(
        id=new_id(IdKind.WEBHOOK, uow.now),
        account=uow.caller.account,
        name=name,
        description=description,
        kind=kind,
        url=_shown_url(kind, url),
        event_types=event_types,
        owner_id=uow.caller.id,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    shown = _seal_first_secret(uow, row, url=url, secret=secret)
    await uow.insert(row, taken=conflict("name_taken", f"a webhook named `{name}` exists already"))
    deliveries.open_channel(uow, row.id, account=row.account, kind=CHANNEL)
    uow.emit(EventType.WEBHOOK_CREATED, row)
    await uow.flush()
    return await view_of(uow, row), shown


async def get_webhook(uow: UnitOfWork, *, webhook: str) -> WebhookView:
    """A webhook, and how its deliveries fare."""
    return await view_of(uow, await _authorized(uow, webhook, Action.GET_WEBHOOK))


async def list_webhooks(
    uow: UnitOfWork, *, limit: int, cursor: str | None = None
) -> Page[WebhookView]:
    """One page of the account's webhooks, oldest first."""
    resource = uow.arn_of("iam", uow.caller.account, "webhook/*")
    await authorize(uow, Action.LIST_WEBHOOKS, resource)
    return await queries.list_webhooks(uow, limit=limit, cursor=cursor)


async def update_webhook(
    uow: UnitOfWork,
    *,
    webhook: str,
    changes: Mapping[str, Any],
    expecting: VersionCheck,
    outbound: Outbound,
) -> WebhookView:
    """Change the address, the events or the description.

    Who aims it elsewhere, or lets it carry more, must be allowed to read events, and owns it then;
    whom a NATS server takes us for decides where they go, too. To another server goes no secret
    that was given for the first: it has to be given again.
    """
    row = await _authorized(uow, webhook, Action.UPDATE_WEBHOOK)
    expecting(row.version)
    patterns, url = changes.get("event_types"), changes.get("url")
    secret = changes.get("secret")
    is_wider = patterns and rules.is_wider(patterns, row.event_types, known=EventType)
    if is_wider or url is not None or secret is not None:
        await _authorize_reading(uow)
        row.owner_id = uow.caller.id
    if patterns is not None:
        rules.check_patterns(patterns, known=EventType)
        row.event_types = patterns
    if url is not None:
        _check_target(row.kind, url, outbound)
        is_nats = row.kind == WebhookKind.NATS
        if is_nats and url != row.url and row.secret_sealed is not None and secret is None:
            raise invalid("secret_required", "another server needs the secret again")
        row.url = _shown_url(row.kind, url)
        if row.kind == WebhookKind.SLACK:
            _seal_secret(uow, row, url)
    if secret is not None:
        _check_takes_secret(row.kind)
        _seal_secret(uow, row, secret)
    row.description = changes.get("description", row.description)
    row.updated_at = uow.now
    uow.emit(EventType.WEBHOOK_UPDATED, row)
    await uow.flush()
    return await view_of(uow, row)


async def delete_webhook(uow: UnitOfWork, *, webhook: str, expecting: VersionCheck) -> None:
    """Delete a webhook. What is queued dies, and stays to be seen in no list."""
    row = await _authorized(uow, webhook, Action.DELETE_WEBHOOK)
    expecting(row.version)
    await deliveries.close_channel(uow, row.id, reason=deliveries.DELETED)
    uow.emit(EventType.WEBHOOK_DELETED, row)
    await uow.delete(row)


async def enable_webhook(uow: UnitOfWork, *, webhook: str) -> WebhookView:
    """Send again, from now on. The caller must be allowed to read events, and owns it then."""
    row = await _authorized(uow, webhook, Action.ENABLE_WEBHOOK)
    await _authorize_reading(uow)
    if row.status != WebhookStatus.ACTIVE:
        row.status, row.disabled_reason = WebhookStatus.ACTIVE, None
        row.owner_id = uow.caller.id
        row.updated_at = uow.now
        await deliveries.reopen_channel(uow, row.id)
        uow.emit(EventType.WEBHOOK_ENABLED, row)
        await uow.flush()
    return await view_of(uow, row)


async def disable_webhook(uow: UnitOfWork, *, webhook: str) -> WebhookView:
    """Send nothing more. What is queued and what still comes dies, and can be replayed later."""
    row = await _authorized(uow, webhook, Action.DISABLE_WEBHOOK)
    await disable(uow, row, reason=BY_REQUEST)
    return await view_of(uow, row)


async def disable(uow: UnitOfWork, row: Webhook, *, reason: str) -> None:
    """Disable a webhook for a reason that its readers will see."""
    if row.status == WebhookStatus.DISABLED:
        return
    row.status, row.disabled_reason = WebhookStatus.DISABLED, reason
    row.updated_at = uow.now
    await deliveries.close_channel(uow, row.id, reason=DISABLED)
    uow.emit(EventType.WEBHOOK_DISABLED, row, reason=reason)
    await uow.flush()


async def rotate_secret(uow: UnitOfWork, *, webhook: str) -> tuple[WebhookView, str]:
    """Give it a new signing secret; for a day, what it sends is signed with the old one too."""
    row = await _authorized(uow, webhook, Action.ROTATE_WEBHOOK_SECRET)
    if row.kind != WebhookKind.WEBHOOK or row.secret_sealed is None:
        raise rules.not_signed()
    place = rules.place_of(row.id, row.account)
    old = uow.tools.sealer.open(row.secret_sealed, place)
    previous = rules.place_of(row.id, row.account, column="previous_secret_sealed")
    row.previous_secret_sealed = uow.tools.sealer.seal(old, previous)
    row.previous_secret_until = uow.now + rules.SECRET_OVERLAP
    secret = mint_webhook_secret()
    _seal_secret(uow, row, secret)
    row.updated_at = uow.now
    uow.emit(EventType.WEBHOOK_SECRET_ROTATED, row)
    await uow.flush()
    return await view_of(uow, row), secret


async def test_webhook(uow: UnitOfWork, *, webhook: str) -> WebhookView:
    """Send it an event that says nothing but that it was tested, whatever events it wants."""
    row = await _authorized(uow, webhook, Action.TEST_WEBHOOK)
    if row.status != WebhookStatus.ACTIVE:
        raise conflict("webhook_disabled", "the webhook is disabled; enable it first")
    row.tests += 1
    uow.emit(EventType.WEBHOOK_TESTED, row)
    await uow.flush()
    return await view_of(uow, row)


async def list_deliveries(
    uow: UnitOfWork, *, webhook: str, state: str | None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """One page of what was and is to be sent there, newest first."""
    row = await _authorized(uow, webhook, Action.LIST_WEBHOOK_DELIVERIES)
    return await list_of_channel(uow, row.id, state=state, limit=limit, cursor=cursor)


async def replay_deliveries(
    uow: UnitOfWork, *, webhook: str, delivery: str | None = None
) -> tuple[WebhookView, int]:
    """Queue what died again, under the same ids; returns how many, at most a thousand at once.

    Raises `not_found` when the one that is named is not there or not dead.
    """
    row = await _authorized(uow, webhook, Action.REPLAY_WEBHOOK_DELIVERIES)
    if row.status != WebhookStatus.ACTIVE:
        raise conflict("webhook_disabled", "the webhook is disabled; enable it first")
    count = await deliveries.replay(uow, row.id, delivery_id=delivery)
    if delivery is not None and not count:
        raise not_found("not_found", "there is no such dead delivery")
    if count:
        row.replays += 1
        uow.emit(EventType.WEBHOOK_REPLAYED, row, count=count, delivery=delivery)
        await uow.flush()
    return await view_of(uow, row), count


async def _authorized(uow: UnitOfWork, reference: str, action: Action) -> Webhook:
    row = await queries.find_webhook(uow, reference)
    named = uow.arn_of("iam", uow.caller.account, f"webhook/{reference[:64]}")
    if row is None:
        await authorize(uow, action, named)
        raise not_found("not_found", f"there is no webhook `{reference[:64]}`")
    await authorize(uow, action, uow.arn(row), told_as=named)
    return row


async def _authorize_reading(uow: UnitOfWork) -> None:
    """A webhook carries what the audit log says; who may not read that, aims none (PE-22)."""
    events = uow.arn_of("audit", uow.caller.account, "event/*")
    await authorize(uow, Action.LIST_AUDIT_EVENTS, events)


def _check_target(kind: str, url: str, outbound: Outbound) -> None:
    if kind != WebhookKind.NATS:
        outbound.check_url(url)
        return
    target = rules.parse_nats(url)
    ports = frozenset({rules.NATS_PORT})
    outbound.check_host(target.host, target.port, is_plain=not target.is_tls, ports=ports)


def _shown_url(kind: str, url: str) -> str:
    return rules.shown_slack_url(url) if kind == WebhookKind.SLACK else url


def _check_takes_secret(kind: str) -> None:
    if kind != WebhookKind.NATS:
        raise _secret_refused()


def _secret_refused() -> IamError:
    message = "only webhooks of kind `nats` take a secret; that of `webhook` is made here"
    return invalid("secret_refused", message)


def _seal_first_secret(
    uow: UnitOfWork, row: Webhook, *, url: str, secret: str | None
) -> str | None:
    """What is sealed depends on the kind; what comes back is to be shown."""
    if secret is not None:
        _check_takes_secret(row.kind)
    minted = mint_webhook_secret() if row.kind == WebhookKind.WEBHOOK else None
    sealed = url if row.kind == WebhookKind.SLACK else minted or secret
    if sealed is not None:
        place = rules.place_of(row.id, row.account)
        row.secret_sealed = uow.tools.sealer.seal(sealed.encode(), place)
    return minted


def _seal_secret(uow: UnitOfWork, row: Webhook, secret: str) -> None:
    place = rules.place_of(row.id, row.account)
    row.secret_sealed = uow.tools.sealer.seal(secret.encode(), place)
    row.secret_rotated_at = uow.now
