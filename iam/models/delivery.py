"""Deliveries: what is still to be sent where, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Index, String, TextClause, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn

_PENDING = text("state = 'pending'")
_ENDED = text("state <> 'pending'")


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    full_name = f"ix_deliveries_{name}"
    return Index(full_name, *columns, sqlite_where=where, postgresql_where=where)


class DeliveryState(StrEnum):
    """Where a delivery stands. The last two are ends; a dead one can be replayed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class DeliveryChannel(Base, kw_only=True):
    """One queue: that of a webhook (whose id it has), or that of an account's mail.

    It outlives its webhook, as what was queued there does.
    """

    __tablename__ = "delivery_channels"

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    kind: Mapped[str] = mapped_column(String(16))
    # The number of the last delivery that was queued.
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    # Why nothing is sent any more; what is queued dies for this reason.
    closed_reason: Mapped[str | None] = mapped_column(String(64), default=None)
    # Rounds in a row in which nothing got through, since when, and when the next one is due.
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    retry_at: Mapped[datetime | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)


class Delivery(Base, kw_only=True):
    """One message on its way to one receiver.

    Attributes:
        message_id: `evt_...` of an event, `eml_...` of a mail; the receiver knows repeats by it.
        sequence: Its number within the channel; a receiver sees from a gap that something is
            missing.
        subject_key: Stands for the subject: of one subject, deliveries go out one after the other.
        queued_at: Since when it is to be delivered: it began, or was replayed.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'dead')", name="state"),
        Index("uq_deliveries_message", "channel_id", "message_id", unique=True),
        Index("ix_deliveries_list", "channel_id", "id"),
        _partial("queue", "channel_id", "sequence", where=_PENDING),
        _partial("due", "channel_id", "next_attempt_at", where=_PENDING),
        _partial("subject", "channel_id", "subject_key", "next_attempt_at", where=_PENDING),
        _partial("ended", "ended_at", where=_ENDED),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    channel_id: Mapped[str] = mapped_column(IdColumn)
    message_id: Mapped[str] = mapped_column(IdColumn)
    type: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(2100))
    subject_key: Mapped[str] = mapped_column(String(32))
    sequence: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    last_attempt_at: Mapped[datetime | None] = mapped_column(default=None)
    # What the last attempt came to: a status of HTTP or SMTP if there was one, and a reason of
    # ours if it was in vain. Never what the receiver wrote.
    last_status: Mapped[int | None] = mapped_column(default=None)
    last_reason: Mapped[str | None] = mapped_column(String(64), default=None)
    last_duration_ms: Mapped[int | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
