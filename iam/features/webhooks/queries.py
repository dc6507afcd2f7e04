"""Finding webhooks, and whether their owners may still read what they carry."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from iam.authz.actions import Action
from iam.authz.context import principal_context
from iam.authz.facts import decide
from iam.authz.gather import gather
from iam.authz.read_surroundings import read_surroundings
from iam.features.deliveries.queries import channels_by_id
from iam.kit.framing import framed
from iam.kit.ids import IdKind, is_id
from iam.kit.pages import Page
from iam.models import Account, AccountStatus, DeliveryChannel, Webhook
from iam.work import UnitOfWork

ROOT: Final = "root"
"""The owner of what local maintenance made."""


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook, and how its deliveries fare."""

    webhook: Webhook
    channel: DeliveryChannel | None


async def find_webhook(uow: UnitOfWork, reference: str) -> Webhook | None:
    """The webhook of the caller's account with this name or id."""
    by_id = is_id(reference, IdKind.WEBHOOK)
    is_named = (Webhook.id if by_id else Webhook.name_key) == reference.casefold()
    query = select(Webhook).where(Webhook.account == uow.caller.account, is_named)
    found: Webhook | None = await uow.scalar(query)
    return found


async def count_webhooks(uow: UnitOfWork) -> int:
    """How many webhooks the account has."""
    query = select(func.count()).where(Webhook.account == uow.caller.account)
    found: int = await uow.scalar(query)
    return found


async def list_webhooks(uow: UnitOfWork, *, limit: int, cursor: str | None) -> Page[WebhookView]:
    """One page of the account's webhooks, oldest first."""
    scope = framed("webhooks", uow.caller.account)
    query = select(Webhook).where(Webhook.account == uow.caller.account).order_by(Webhook.id)
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=scope)
        query = query.where(Webhook.id > last)
    rows = (await uow.scalars(query.limit(limit + 1))).all()
    channels = await channels_by_id(uow, [row.id for row in rows])
    views = [WebhookView(row, channels.get(row.id)) for row in rows]
    return Page.cut(
        views, limit, lambda view: uow.tools.cursors.encode([view.webhook.id], scope=scope)
    )


async def view_of(uow: UnitOfWork, row: Webhook) -> WebhookView:
    """A webhook with its channel."""
    return WebhookView(row, (await channels_by_id(uow, [row.id])).get(row.id))


async def all_webhooks(uow: UnitOfWork) -> list[Webhook]:
    """The webhooks of every account that the unit of work sees."""
    return list((await uow.scalars(select(Webhook))).all())


async def is_suspended(uow: UnitOfWork, account: str) -> bool:
    """Whether nothing of this account may act."""
    row = await uow.get(Account, account)
    return row is None or row.status != AccountStatus.ACTIVE


async def may_owner_read(uow: UnitOfWork, row: Webhook) -> bool:
    """Whether the owner of a webhook may read the events that it carries (WH-12)."""
    if row.owner_id == ROOT:
        return True
    partition = uow.settings.partition
    facts = await gather(uow, row.owner_id, partition=partition)
    if facts is None or not facts.is_active:
        return False
    events = uow.arn_of("audit", row.account, "event/*")
    action = Action.LIST_AUDIT_EVENTS
    around = await read_surroundings(
        uow, row.account, action=action, resource=events, partition=partition
    )
    context = principal_context(facts, now=uow.now)
    return decide(facts, action=action, resource=events, context=context, around=around).allowed
