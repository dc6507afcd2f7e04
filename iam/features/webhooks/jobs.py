"""Carries deliveries to webhooks: reads what a batch needs, and sends it once nothing is open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from iam.errors import IamError
from iam.features.deliveries.queries import Due
from iam.features.deliveries.rules import GONE, Outcome
from iam.features.deliveries.service import DELETED, Barred, Subscriber, Trip
from iam.features.webhooks import queries, rules
from iam.features.webhooks.service import CHANNEL, DISABLED, disable
from iam.journal.envelope import CONTENT_TYPE, envelope
from iam.journal.events import EventType
from iam.journal.outbox import Message, Waiting, read_messages
from iam.kit.clock import Clock
from iam.kit.jetstream import JetStream
from iam.kit.outbound import Outbound
from iam.models import Webhook, WebhookKind, WebhookStatus
from iam.runtime import Runtime
from iam.work import UnitOfWork

SECONDS: Final = 10
"""How long one attempt may take."""
CONNECTIONS: Final = 1_000
"""Calls under way at most: more than the pump makes, so that none waits for another's."""
FAILING: Final = "failing"
"""Why a webhook is disabled in which nothing gets through for days."""
OWNER_NOT_ALLOWED: Final = "owner_not_allowed"
SUSPENDED: Final = "account_suspended"
_FORGOTTEN: Final = Outcome("event_no_longer_kept", is_final=True)
_OK: Final = range(200, 300)
_GONE_STATUS: Final = 410

_log = structlog.get_logger(__name__)


def carrier(runtime: Runtime) -> "WebhookCarrier":
    """What serves webhooks in this process."""
    settings = runtime.settings
    # Its own, so that receivers that hang keep nobody else from calling out.
    outbound = Outbound(
        allow=settings.outbound_allow,
        ca_bundle=settings.ca_bundle,
        allow_http=settings.allow_http_internal,
        max_connections=CONNECTIONS,
    )
    return WebhookCarrier(outbound, runtime.clock)


class WebhookCarrier:
    """Serves the channels of webhooks."""

    kind = CHANNEL

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound = outbound
        self._clock = clock

    async def subscribers(self, uow: UnitOfWork) -> Sequence[Subscriber]:
        """Every webhook; what comes for a disabled one dies, and can be replayed."""
        return [
            Subscriber(row.id, row.account, row.created_at, _wish(row.event_types, uow.arn(row)))
            for row in await queries.all_webhooks(uow)
        ]

    async def prepare(self, uow: UnitOfWork, channel_id: str, due: Sequence[Due]) -> Trip | Barred:
        """See that it may be sent, and read events and secrets."""
        row = await uow.get(Webhook, channel_id)
        if row is None:
            return Barred(DELETED)
        reason = await _bar(uow, row)
        if reason is not None:
            return Barred(reason)
        messages = await read_messages(uow, [each.message_id for each in due])
        sending = _Sending(
            self._outbound, self._clock, uow.settings.issuer, messages, _secrets(uow, row)
        )
        match row.kind:
            case WebhookKind.SLACK:
                return SlackTrip(sending)
            case WebhookKind.NATS:
                return NatsTrip(sending, rules.parse_nats(row.url))
            case _:
                return SignedTrip(sending, row.url)

    async def give_up(self, uow: UnitOfWork, channel_id: str, reason: str) -> None:
        """Disable a webhook whose receiver is gone, or does not answer for days."""
        row = await uow.get(Webhook, channel_id)
        if row is not None:
            await disable(uow, row, reason=GONE if reason == GONE else FAILING)
            _log.warning("webhook_disabled", webhook=row.id, reason=row.disabled_reason)


def _wish(patterns: Sequence[str], arn: str) -> Callable[[Waiting], bool]:
    def wants(event: Waiting) -> bool:
        is_own_test = event.type == EventType.WEBHOOK_TESTED and event.subject == arn
        return is_own_test or rules.is_wanted(patterns, event.type)

    return wants


async def _bar(uow: UnitOfWork, row: Webhook) -> str | None:
    """Why nothing may be sent there now, if so (WH-12)."""
    if row.status != WebhookStatus.ACTIVE:
        return DISABLED
    if await queries.is_suspended(uow, row.account):
        return SUSPENDED
    if not await queries.may_owner_read(uow, row):
        await disable(uow, row, reason=OWNER_NOT_ALLOWED)
        return OWNER_NOT_ALLOWED
    return None


def _secrets(uow: UnitOfWork, row: Webhook) -> list[str]:
    """The present secret, and the one before while it still signs."""
    until = row.previous_secret_until
    sealed = {"secret_sealed": row.secret_sealed}
    if until is not None and uow.now < until:
        sealed["previous_secret_sealed"] = row.previous_secret_sealed
    return [
        uow.tools.sealer.open(value, rules.place_of(row.id, row.account, column=column)).decode()
        for column, value in sealed.items()
        if value is not None
    ]


@dataclass(frozen=True, slots=True)
class _Sending:
    """What the attempts of one batch have in common."""

    outbound: Outbound
    clock: Clock
    source: str
    messages: Mapping[str, Message]
    secrets: Sequence[str]

    def event(self, due: Due) -> dict[str, Any] | None:
        """The event of a delivery as receivers get it; `None` when it is no longer kept."""
        message = self.messages.get(due.message_id)
        if message is None:
            return None
        return envelope(message, source=self.source, sequence=due.sequence)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One POST; only the status of the answer is looked at (WH-08)."""
        began = self.clock.monotonic()
        try:
            answer = await self.outbound.fetch(
                url, method="POST", headers=headers, content=body, timeout=SECONDS, read_body=False
            )
        except IamError as error:
            return Outcome(_reason(error), duration_ms=self.since(began))
        reason = None if answer.status in _OK else f"http_{answer.status}"
        is_gone = answer.status == _GONE_STATUS
        return Outcome(
            GONE if is_gone else reason, answer.status, self.since(began), is_final=is_gone
        )

    def since(self, began: float) -> int:
        """Milliseconds since then."""
        return int((self.clock.monotonic() - began) * 1000)


def _reason(error: IamError) -> str:
    return str(error.detail.get("reason", error.code))


class SignedTrip:
    """HTTP, as https://www.standardwebhooks.com describes it."""

    def __init__(self, sending: _Sending, url: str) -> None:
        self._sending = sending
        self._url = url

    async def send(self, due: Due) -> Outcome:
        """POST the event. Its id and body are the same however often it is sent (WH-10)."""
        event = self._sending.event(due)
        if event is None:
            return _FORGOTTEN
        body = orjson.dumps(event)
        timestamp = int(self._sending.clock.now().timestamp())
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": due.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": rules.signature(
                self._sending.secrets, message_id=due.message_id, timestamp=timestamp, body=body
            ),
        }
        return await self._sending.post(self._url, body, headers)

    async def aclose(self) -> None:
        """Nothing is kept open."""


class SlackTrip:
    """A line of text for whatever takes Slack's incoming webhooks."""

    def __init__(self, sending: _Sending) -> None:
        self._sending = sending

    async def send(self, due: Due) -> Outcome:
        """POST one line."""
        event = self._sending.event(due)
        if event is None:
            return _FORGOTTEN
        body = orjson.dumps({"text": rules.slack_text(event)})
        (url,) = self._sending.secrets
        return await self._sending.post(url, body, {"content-type": "application/json"})

    async def aclose(self) -> None:
        """Nothing is kept open."""


class NatsTrip:
    """JetStream; the server drops what it has already, by the id."""

    def __init__(self, sending: _Sending, target: rules.NatsTarget) -> None:
        self._sending = sending
        login = rules.nats_login(next(iter(sending.secrets), None))
        self._stream = JetStream(
            sending.outbound,
            host=target.host,
            port=target.port,
            is_tls=target.is_tls,
            login=login,
            seconds=SECONDS,
        )

    async def send(self, due: Due) -> Outcome:
        """Publish, and wait for the stream to say that it has it."""
        message = self._sending.messages.get(due.message_id)
        event = self._sending.event(due)
        if message is None or event is None:
            return _FORGOTTEN
        began = self._sending.clock.monotonic()
        subject = rules.nats_subject(message.type, message.account)
        reason = await self._stream.publish(
            subject, orjson.dumps(event), message_id=due.message_id, content_type=CONTENT_TYPE
        )
        return Outcome(reason, duration_ms=self._sending.since(began))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()
