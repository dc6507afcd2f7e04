"""Answers kept for `Idempotency-Key`, so that a retry after a lost answer has one effect."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class IdempotencyRecord(Base, kw_only=True):
    """The answer to one keyed request, written in the transaction of its effect."""

    __tablename__ = "idempotency_records"
    __table_args__ = (Index("ix_idempotency_records_expires_at", "expires_at"),)

    principal_id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    status_code: Mapped[int]
    # Sealed: the answer may have shown a secret.
    answer_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
