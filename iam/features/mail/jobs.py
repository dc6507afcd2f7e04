"""Carries mails: reads what a batch says and which servers there are, and sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import delete, select

from iam.features.deliveries.queries import Due
from iam.features.deliveries.rules import Outcome
from iam.features.deliveries.service import Barred, Subscriber, Trip
from iam.features.mail import queries, rules
from iam.features.mail.rules import Content
from iam.features.mail.service import open_content
from iam.jobs import Job, Run
from iam.kit.clock import Clock
from iam.kit.outbound import Outbound
from iam.kit.smtp import SmtpRoute, deliver
from iam.models import DeliveryChannel, Mail, MailRoute
from iam.runtime import Runtime
from iam.work import UnitOfWork

KEPT: Final = timedelta(days=30)
PRUNED_AT_ONCE: Final = 500
_FORGOTTEN: Final = Outcome("mail_no_longer_kept", is_final=True)
_EXPIRED: Final = Outcome("expired", is_final=True)
_NO_ROUTE: Final = Outcome("no_route")


def carrier(runtime: Runtime) -> "MailCarrier":
    """What serves mail in this process."""
    return MailCarrier(runtime.outbound, runtime.clock)


class MailCarrier:
    """Serves the channels of mail."""

    kind = rules.CHANNEL

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound = outbound
        self._clock = clock

    async def subscribers(self, uow: UnitOfWork) -> Sequence[Subscriber]:
        """Mail is queued by who has something to say, and wants no events."""
        del uow
        return ()

    async def prepare(self, uow: UnitOfWork, channel_id: str, due: Sequence[Due]) -> Trip | Barred:
        """Read the mails and the routes of their account."""
        channel = await uow.get(DeliveryChannel, channel_id)
        account = "" if channel is None else channel.account
        query = select(Mail).where(Mail.id.in_([each.message_id for each in due]))
        mails = {
            row.id: _Ready(open_content(uow, row), row.expires_at)
            for row in await uow.scalars(query)
        }
        routes = [_route(uow, row) for row in await queries.routes_for(uow, account)]
        domain = urlsplit(uow.settings.issuer).hostname or "localhost"
        return MailTrip(self._outbound, self._clock, mails, routes, domain)

    async def give_up(self, uow: UnitOfWork, channel_id: str, reason: str) -> None:
        """Mail is never given up as a whole: each mail ends by itself."""


@dataclass(frozen=True, slots=True)
class _Ready:
    content: Content
    expires_at: datetime


def _route(uow: UnitOfWork, row: MailRoute) -> SmtpRoute:
    password = None
    if row.password_sealed is not None:
        place = rules.place_of("mail_routes", "password_sealed", row.id, row.account)
        password = uow.tools.sealer.open(row.password_sealed, place).decode()
    return SmtpRoute(
        row.host, row.port, row.security, row.sender, username=row.username, password=password
    )


class MailTrip:
    """Sends mails by the first route that takes them."""

    def __init__(
        self,
        outbound: Outbound,
        clock: Clock,
        mails: Mapping[str, _Ready],
        routes: Sequence[SmtpRoute],
        domain: str,
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._mails = mails
        self._routes = routes
        self._domain = domain

    async def send(self, due: Due) -> Outcome:
        """Try the routes in their order, until one has taken the mail or nobody can tell."""
        mail = self._mails.get(due.message_id)
        if mail is None:
            return _FORGOTTEN
        if self._clock.now() >= mail.expires_at:
            return _EXPIRED
        outcome = _NO_ROUTE
        for route in self._routes:
            message = rules.message_of(
                mail.content, mail_id=due.message_id, sender=route.sender, domain=self._domain
            )
            began = self._clock.monotonic()
            said = await deliver(
                self._outbound, route, mail.content.recipient, message, helo=self._domain
            )
            duration_ms = int((self._clock.monotonic() - began) * 1000)
            outcome = Outcome(said.reason, said.status, duration_ms, is_final=said.is_final)
            if said.reason is None or said.is_unclear:
                break
        return outcome

    async def aclose(self) -> None:
        """Nothing is kept open."""


async def prune(run: Run) -> None:
    """Remove mails that were queued more than thirty days ago."""
    removed = PRUNED_AT_ONCE
    while removed == PRUNED_AT_ONCE:
        async with run.begin() as uow:
            await uow.see_all_accounts()
            old = select(Mail.id).where(Mail.created_at < uow.now - KEPT).limit(PRUNED_AT_ONCE)
            removed = await uow.remove(delete(Mail).where(Mail.id.in_(old)))
        run.progress(run.done + removed)


JOBS: Final = (
    Job(
        "prune-mails",
        "Removes mails that were queued more than thirty days ago",
        "55 * * * *",
        prune,
        is_quiet=True,
    ),
)
