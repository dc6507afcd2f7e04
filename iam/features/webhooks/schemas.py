"""Wire shapes of webhooks and their deliveries. Only what makes a secret has room for one."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from iam.features.principals.schemas import Description, Input, Output
from iam.features.webhooks.queries import WebhookView
from iam.http import examples
from iam.models import Delivery
from iam.work import UnitOfWork

Kind = Literal["webhook", "slack", "nats"]
State = Literal["pending", "delivered", "dead"]
EventTypes = Annotated[
    list[Annotated[str, Field(max_length=80)]],
    Field(
        max_length=50,
        description="event types; a final `*` stands for anything",
        examples=[["iam.user.*", "iam.credential.revoked.v1"]],
    ),
]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2048,
        description="https://..., or nats://... and tls://... for NATS",
        examples=["https://hooks.shop.example/iam"],
    ),
]
NatsSecret = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1000,
        pattern=r"^[\x21-\x7e]+$",
        description="what a NATS server asks for: a token, or `user:password`",
    ),
]
_NAMES = ["iam.user.*", "iam.credential.*"]
_SHOWN = {
    "id": examples.WEBHOOK,
    "arn": examples.arn("webhook/audit-mirror"),
    "name": "audit-mirror",
    "description": "the auditors' copy",
    "kind": "webhook",
    "url": "https://hooks.shop.example/iam",
    "event_types": _NAMES,
    "status": "active",
    "disabled_reason": None,
    "owner_id": examples.ANA,
    "previous_secret_until": None,
    "secret_rotated_at": None,
    "failing_since": None,
    "last_delivered_at": examples.CHANGED,
    "tests": 1,
    "replays": 0,
    "created_by": examples.ANA,
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 2,
}


class WebhookIn(Input):
    """A webhook to make."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="audit-mirror", url="https://hooks.shop.example/iam", event_types=_NAMES
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Kind = "webhook"
    url: Url
    event_types: EventTypes = Field(default=["*"])
    description: Description = ""
    secret: NatsSecret | None = Field(default=None, repr=False)


class WebhookPatch(Input):
    """What to change of a webhook; members that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=examples.example(event_types=["*"]))

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Description = ""
    secret: NatsSecret | None = Field(default=None, repr=False)


class WebhookOut(Output):
    """A webhook, without what is secret of it."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_SHOWN))

    id: str = Field(description="immutable id")
    arn: str
    name: str
    description: str
    kind: Kind
    url: str = Field(description="of Slack the host alone: the rest is a secret")
    event_types: list[str]
    status: str = Field(description="active or disabled")
    disabled_reason: str | None = Field(
        description="by_request, owner_not_allowed, gone, or failing: nothing got through for days"
    )
    owner_id: str = Field(description="whose right to read events it depends on")
    previous_secret_until: datetime | None = Field(
        description="until when the secret before the last rotation signs as well"
    )
    secret_rotated_at: datetime | None
    failing_since: datetime | None = Field(description="since when nothing gets through")
    last_delivered_at: datetime | None
    tests: int
    replays: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, view: WebhookView) -> Self:
        """Present a webhook."""
        return cls.model_validate(_members(uow, view))


class WebhookWithSecretOut(WebhookOut):
    """A webhook whose new signing secret is shown here and never again."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_SHOWN, signing_secret="whsec_... (the rest of it)")  # noqa: S106 -- and there is none
    )

    signing_secret: str | None = Field(repr=False, description="null unless the kind is `webhook`")

    @classmethod
    def showing(cls, uow: UnitOfWork, view: WebhookView, *, secret: str | None) -> Self:
        """Present a webhook with its new secret, if it has one."""
        return cls.model_validate({**_members(uow, view), "signing_secret": secret})


class ReplayOut(WebhookOut):
    """A webhook, and how many of its dead deliveries were queued again."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_SHOWN, replayed=3))

    replayed: int = Field(description="at most 1000 at once")

    @classmethod
    def counting(cls, uow: UnitOfWork, view: WebhookView, count: int) -> Self:
        """Present a webhook with this count."""
        return cls.model_validate({**_members(uow, view), "replayed": count})


class DeliveryOut(Output):
    """One event on its way to one webhook. What the receiver answered is never shown."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.DELIVERY,
            event_id=examples.EVENT,
            type="iam.user.updated.v1",
            subject=examples.arn("user/ana"),
            sequence=4127,
            state="delivered",
            attempts=1,
            queued_at=examples.CHANGED,
            next_attempt_at=None,
            last_attempt_at=examples.CHANGED,
            last_status=204,
            last_reason=None,
            last_duration_ms=31,
            ended_at=examples.CHANGED,
        )
    )

    id: str
    event_id: str = Field(description="also `webhook-id`: the same however often it is sent")
    type: str
    subject: str
    sequence: int = Field(description="its number among all deliveries to this webhook")
    state: State
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status: int | None = Field(description="HTTP status, if there was an answer")
    last_reason: str | None = Field(
        description="why the last attempt was in vain, or why it died without one"
    )
    last_duration_ms: int | None
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Delivery) -> Self:
        """Present a row."""
        members = {name: getattr(row, name, None) for name in cls.model_fields}
        members["event_id"] = row.message_id
        if row.state != "pending":
            members["next_attempt_at"] = None
        return cls.model_validate(members)


_COLUMNS = (
    "id", "name", "description", "kind", "url", "event_types", "status", "disabled_reason",
    "owner_id", "previous_secret_until", "secret_rotated_at", "tests", "replays", "created_by",
    "created_at", "updated_at", "version",
)  # fmt: skip


def _members(uow: UnitOfWork, view: WebhookView) -> dict[str, object]:
    channel = view.channel
    return {
        **{name: getattr(view.webhook, name) for name in _COLUMNS},
        "arn": uow.arn(view.webhook),
        "failing_since": channel and channel.failing_since,
        "last_delivered_at": channel and channel.delivered_at,
    }
