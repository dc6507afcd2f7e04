"""The audit log: what happened, once, written in the transaction that did it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, FetchedValue, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.audit_chain import ChainColumn
from iam.models.base import AccountColumn, Base, IdColumn

_UNSEALED = text("sequence IS NULL")


class AuditEntry(Base, kw_only=True):
    """One event, or one refusal. Rows are only ever added; sealing gives each its number and hash.

    What tells of a person, who did it or whom it happened to, can be erased without breaking the
    seal: then a commitment stands for it (`journal/seal.py`).
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_list", "account", "id"),
        Index("ix_audit_entries_target", "account", "target_id", "id"),
        Index("ix_audit_entries_decision_id", "decision_id"),
        Index("ix_audit_entries_actor_id", "actor_id"),
        Index("uq_audit_entries_sequence", "chain", "sequence", unique=True),
        Index(
            "ix_audit_entries_unsealed",
            "position",
            sqlite_where=_UNSEALED,
            postgresql_where=_UNSEALED,
        ),
    )
    # What the database fills in is of no use to who writes an entry.
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 -- SQLAlchemy's own form

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
    # Counted by PostgreSQL when the row is written, which is when what changed is locked: entries
    # about one thing are in the order of their commits. SQLite has one writer, whose rows are.
    position: Mapped[int | None] = mapped_column(
        BigInteger, init=False, server_default=FetchedValue()
    )
    # By the clock of the database; `occurred_at` is by that of the replica.
    recorded_at: Mapped[datetime | None] = mapped_column(init=False, server_default=FetchedValue())
    chain: Mapped[str | None] = mapped_column(ChainColumn, default=None)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    # A salt while the part is there, the commitment once it is erased.
    actor_salt: Mapped[bytes | None] = mapped_column(LargeBinary(16), default=None)
    actor_commitment: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    subject_salt: Mapped[bytes | None] = mapped_column(LargeBinary(16), default=None)
    subject_commitment: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
