"""Webhooks: where events go, which of them, and how they are proven there."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class WebhookKind(StrEnum):
    """How events are handed over."""

    WEBHOOK = "webhook"
    """HTTP POST, signed as Standard Webhooks demand."""
    SLACK = "slack"
    """A line of text for a Slack-compatible incoming webhook."""
    NATS = "nats"
    """A message on NATS JetStream."""


class WebhookStatus(StrEnum):
    """Whether events are sent."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Webhook(Base, kw_only=True):
    """One endpoint of one account.

    Whoever made it, or enabled it last, answers for it: without the right to read events, their
    endpoint gets none.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("kind IN ('webhook', 'slack', 'nats')", name="kind"),
        CheckConstraint("status IN ('active', 'disabled')", name="status"),
        Index("uq_webhooks_name", "account", "name_key", unique=True),
        Index("ix_webhooks_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    name: Mapped[str] = mapped_column(String(128))
    name_key: Mapped[str] = mapped_column(String(128), init=False)
    description: Mapped[str] = mapped_column(String(1000), default="")
    kind: Mapped[str] = mapped_column(String(16))
    # Of Slack only the host: the whole address is all that is needed to write there.
    url: Mapped[str] = mapped_column(String(2048))
    event_types: Mapped[list[str]]
    status: Mapped[str] = mapped_column(String(16), default=WebhookStatus.ACTIVE)
    # Why it is disabled: `by_request`, or what the pump found.
    disabled_reason: Mapped[str | None] = mapped_column(String(64), default=None)
    owner_id: Mapped[str] = mapped_column(IdColumn)
    # A signing secret, the address of Slack, or what NATS asks for.
    secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    previous_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    previous_secret_until: Mapped[datetime | None] = mapped_column(default=None)
    secret_rotated_at: Mapped[datetime | None] = mapped_column(default=None)
    # What has no other trace in this row, and is to be found in the audit log.
    tests: Mapped[int] = mapped_column(default=0)
    replays: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    def __post_init__(self) -> None:
        self.name_key = self.name.casefold()

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"webhook/{self.name}"
