"""The audit log: what happened, once, written in the transaction that did it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class AuditEntry(Base, kw_only=True):
    """One event, or one refusal. Rows are only ever added."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_list", "account", "id"),
        Index("ix_audit_entries_target", "account", "target_id", "id"),
        Index("ix_audit_entries_decision_id", "decision_id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    # Given after commit by the sealing job: a gapless number cannot be had inside a transaction.
    sequence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    account: Mapped[str] = mapped_column(AccountColumn)
    occurred_at: Mapped[datetime]
    type: Mapped[str] = mapped_column(String(80))
    outcome: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(700))
    actor_id: Mapped[str] = mapped_column(IdColumn)
    subject: Mapped[str] = mapped_column(String(2100))
    target_id: Mapped[str] = mapped_column(String(700))
    before: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    after: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    detail: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    request_id: Mapped[str] = mapped_column(String(128))
    decision_id: Mapped[str | None] = mapped_column(IdColumn, default=None)
    source_address: Mapped[str | None] = mapped_column(String(64), default=None)
