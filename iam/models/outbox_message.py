"""The outbox: events that wait to be delivered to webhooks, mail and the bus."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class OutboxMessage(Base, kw_only=True):
    """One event to deliver, written in the transaction of the change."""

    __tablename__ = "outbox_messages"
    __table_args__ = (Index("ix_outbox_messages_pending", "delivered_at", "id"),)

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    type: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(2100))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
