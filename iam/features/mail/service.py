"""Use cases of mail."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

import orjson

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError, conflict, invalid, not_found
from iam.features.deliveries import service as deliveries
from iam.features.deliveries.queries import list_deliveries as list_of_channel
from iam.features.mail import queries, rules
from iam.features.mail.rules import Content
from iam.features.mail.shipped import TEMPLATES, ShippedTemplate, Wording
from iam.features.principals.service import VersionCheck
from iam.journal.events import Event, EventType
from iam.journal.outbox import Waiting
from iam.kit.ids import IdKind, new_id
from iam.kit.outbound import Outbound
from iam.kit.pages import Page
from iam.models import Delivery, Mail, MailRoute, MailTemplate
from iam.work import UnitOfWork

GOOD_FOR: Final = timedelta(days=1)
"""How long a mail may be under way unless its feature says else."""


async def send_mail(
    uow: UnitOfWork,
    *,
    account: str,
    recipient: str,
    template: str,
    values: Mapping[str, str],
    good_for: timedelta = GOOD_FOR,
) -> str:
    """Queue a mail; it leaves once this transaction is committed. Returns its id.

    For other features; whoever asks for it is authorized there. Raises `invalid` for what is no
    mail address.
    """
    own = await queries.find_template(uow, account, template)
    shipped = TEMPLATES[template].wording
    wording = shipped if own is None else Wording(own.subject, own.text, own.html)
    content = rules.rendered(wording, values, recipient=recipient)
    mail_id = new_id(IdKind.MAIL, uow.now)
    place = rules.place_of("mails", "content_sealed", mail_id, account)
    uow.add(
        Mail(
            id=mail_id,
            account=account,
            template=template,
            content_sealed=uow.tools.sealer.seal(orjson.dumps(asdict(content)), place),
            created_at=uow.now,
            expires_at=uow.now + good_for,
        )
    )
    channel_id = queries.channel_id_of(account)
    if not await queries.has_channel(uow, account):
        deliveries.open_channel(uow, channel_id, account=account, kind=rules.CHANNEL)
    await uow.flush()
    waiting = Waiting(mail_id, account, f"mail.{template}", mail_id, uow.now)
    await deliveries.enqueue(uow, channel_id, waiting)
    return mail_id


def open_content(uow: UnitOfWork, mail: Mail) -> Content:
    """What a queued mail says."""
    place = rules.place_of("mails", "content_sealed", mail.id, mail.account)
    return Content(**orjson.loads(uow.tools.sealer.open(mail.content_sealed, place)))


async def send_test(uow: UnitOfWork, *, recipient: str) -> str:
    """Queue a mail that says nothing but that it arrived; returns its id."""
    await _authorize(uow, Action.SEND_TEST_MAIL, "mail")
    values = {"issuer": uow.settings.issuer, "sender": uow.caller.arn}
    account = uow.caller.account
    mail_id = await send_mail(
        uow, account=account, recipient=recipient, template="test", values=values
    )
    uow.emit_event(
        Event(
            type=EventType.MAIL_TEST_SENT,
            account=account,
            subject=uow.arn_of("iam", account, "mail"),
            target_id=mail_id,
            detail={"mail": mail_id},
        )
    )
    return mail_id


async def list_deliveries(
    uow: UnitOfWork, *, state: str | None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """One page of the account's mails as they were and are to be sent, newest first."""
    await _authorize(uow, Action.LIST_MAIL_DELIVERIES, "mail")
    channel_id = queries.channel_id_of(uow.caller.account)
    return await list_of_channel(uow, channel_id, state=state, limit=limit, cursor=cursor)


async def create_route(
    uow: UnitOfWork, *, name: str, password: str | None, outbound: Outbound, **members: Any
) -> MailRoute:
    """Make a route. Raises `invalid` for a server that must not be called."""
    rules.check_name(name)
    await _authorize(uow, Action.CREATE_MAIL_ROUTE, f"mail-route/{name}")
    members["port"] = members["port"] or rules.DEFAULT_PORTS[members["security"]]
    row = MailRoute(
        id=new_id(IdKind.MAIL_ROUTE, uow.now),
        account=uow.caller.account,
        name=name,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
        **members,
    )
    _check_route(row, outbound)
    if await queries.count_routes(uow) >= rules.MAX_ROUTES:
        raise conflict("limit_exceeded", f"the account has {rules.MAX_ROUTES} routes already")
    _seal_password(uow, row, password)
    taken = conflict("name_taken", f"a mail route named `{name}` exists already")
    await uow.insert(row, taken=taken)
    uow.emit(EventType.MAIL_ROUTE_CREATED, row)
    await uow.flush()
    return row


async def list_routes(uow: UnitOfWork, *, limit: int, cursor: str | None = None) -> Page[MailRoute]:
    """One page of the account's routes, oldest first."""
    await _authorize(uow, Action.LIST_MAIL_ROUTES, "mail-route/*")
    return await queries.list_routes(uow, limit=limit, cursor=cursor)


async def get_route(uow: UnitOfWork, *, route: str) -> MailRoute:
    """A route, without its password."""
    return await _authorized_route(uow, route, Action.GET_MAIL_ROUTE)


async def update_route(
    uow: UnitOfWork,
    *,
    route: str,
    changes: Mapping[str, Any],
    expecting: VersionCheck,
    outbound: Outbound,
) -> MailRoute:
    """Change a route.

    To another server goes no password that was given for the first: it has to be given again.
    """
    row = await _authorized_route(uow, route, Action.UPDATE_MAIL_ROUTE)
    expecting(row.version)
    password = changes.get("password")
    is_moved = changes.get("host", row.host) != row.host
    is_moved |= changes.get("security", row.security) != row.security
    if is_moved and row.password_sealed is not None and password is None:
        raise invalid("password_required", "another server or security needs the password again")
    for name, value in changes.items():
        if name != "password" and value is not None:
            setattr(row, name, value)
    _check_route(row, outbound)
    _seal_password(uow, row, password)
    row.updated_at = uow.now
    uow.emit(EventType.MAIL_ROUTE_UPDATED, row)
    await uow.flush()
    return row


async def delete_route(uow: UnitOfWork, *, route: str, expecting: VersionCheck) -> None:
    """Delete a route; what is queued leaves by those that remain."""
    row = await _authorized_route(uow, route, Action.DELETE_MAIL_ROUTE)
    expecting(row.version)
    uow.emit(EventType.MAIL_ROUTE_DELETED, row)
    await uow.delete(row)


async def put_template(
    uow: UnitOfWork, *, template: str, wording: Wording, expecting: VersionCheck
) -> MailTemplate:
    """Give an account's mails of one kind a text of their own."""
    shipped = await _authorized_template(uow, template, Action.PUT_MAIL_TEMPLATE)
    rules.check_wording(wording, known=shipped.values)
    row = await queries.find_template(uow, uow.caller.account, template)
    expecting(None if row is None else row.version)
    if row is None:
        row = MailTemplate(
            id=new_id(IdKind.MAIL_TEMPLATE, uow.now),
            account=uow.caller.account,
            name=template,
            created_at=uow.now,
            updated_at=uow.now,
            **asdict(wording),
        )
        await uow.insert(row, taken=conflict("changed_meanwhile", "somebody else made it"))
    else:
        row.subject, row.text, row.html = wording.subject, wording.text, wording.html
        row.updated_at = uow.now
    uow.emit(EventType.MAIL_TEMPLATE_PUT, row)
    await uow.flush()
    return row


async def get_template(uow: UnitOfWork, *, template: str) -> tuple[Wording, MailTemplate | None]:
    """What mails of one kind say, and the account's own text if it has one."""
    shipped = await _authorized_template(uow, template, Action.GET_MAIL_TEMPLATE)
    row = await queries.find_template(uow, uow.caller.account, template)
    wording = shipped.wording if row is None else Wording(row.subject, row.text, row.html)
    return wording, row


async def list_templates(
    uow: UnitOfWork, *, limit: int, cursor: str | None = None
) -> Page[MailTemplate]:
    """One page of the account's own texts, oldest first."""
    await _authorize(uow, Action.LIST_MAIL_TEMPLATES, "mail-template/*")
    return await queries.list_templates(uow, limit=limit, cursor=cursor)


async def delete_template(uow: UnitOfWork, *, template: str, expecting: VersionCheck) -> None:
    """Go back to the shipped text."""
    await _authorized_template(uow, template, Action.DELETE_MAIL_TEMPLATE)
    row = await queries.find_template(uow, uow.caller.account, template)
    if row is None:
        raise not_found("not_found", f"the account has no text of its own for `{template}`")
    expecting(row.version)
    uow.emit(EventType.MAIL_TEMPLATE_DELETED, row)
    await uow.delete(row)


async def preview(uow: UnitOfWork, *, template: str, wording: Wording) -> Content:
    """What a mail would look like with this text, and values made up."""
    shipped = await _authorized_template(uow, template, Action.PREVIEW_MAIL_TEMPLATE)
    rules.check_wording(wording, known=shipped.values)
    return rules.rendered(wording, shipped.examples, recipient="ana@shop.example")


async def _authorize(uow: UnitOfWork, action: Action, resource: str) -> None:
    await authorize(uow, action, uow.arn_of("iam", uow.caller.account, resource))


async def _authorized_route(uow: UnitOfWork, name: str, action: Action) -> MailRoute:
    await _authorize(uow, action, f"mail-route/{name[:64]}")
    row = await queries.find_route(uow, name)
    if row is None:
        raise not_found("not_found", f"there is no mail route `{name[:64]}`")
    return row


async def _authorized_template(uow: UnitOfWork, name: str, action: Action) -> ShippedTemplate:
    await _authorize(uow, action, f"mail-template/{name[:64]}")
    shipped = TEMPLATES.get(name)
    if shipped is None:
        there = ", ".join(TEMPLATES)
        raise not_found("not_found", f"there is no mail `{name[:64]}`; there are: {there}")
    return shipped


def _check_route(row: MailRoute, outbound: Outbound) -> None:
    rules.check_address(row.sender)
    is_plain = row.security == "none"
    outbound.check_host(row.host, row.port, is_plain=is_plain, ports=rules.SMTP_PORTS)


def _seal_password(uow: UnitOfWork, row: MailRoute, password: str | None) -> None:
    if password is None:
        return
    if row.username is None:
        raise _no_username()
    place = rules.place_of("mail_routes", "password_sealed", row.id, row.account)
    row.password_sealed = uow.tools.sealer.seal(password.encode(), place)


def _no_username() -> IamError:
    return invalid("username_required", "a password needs a user name")
