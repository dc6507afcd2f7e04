"""The outbox: events that wait to be handed to those who want them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Sequence, String, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn

_WAITING = text("fanned_out_at IS NULL")


class OutboxMessage(Base, kw_only=True):
    """One event to deliver, written in the transaction of the change.

    Once its deliveries are queued, it stays as what they deliver.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index(
            "ix_outbox_messages_waiting",
            "position",
            "id",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_outbox_messages_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    # Of one subject, the order in which its changes were committed: PostgreSQL counts when the row
    # is written, which is when the subject is locked, while an id begins with the time of one
    # replica's clock. SQLite has one writer, whose ids are in that order, and no number.
    position: Mapped[int | None] = mapped_column(
        BigInteger, Sequence("outbox_messages_position"), init=False
    )
    account: Mapped[str] = mapped_column(AccountColumn)
    type: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(2100))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    fanned_out_at: Mapped[datetime | None] = mapped_column(default=None)
