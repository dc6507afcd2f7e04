"""The seal of the audit log: one chain of hashes for each account, and what was signed of it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base

ChainColumn = String(80)
"""The name of a chain: its account, and a number if the account's name was taken again."""

_WAITING = text("shipped_at IS NULL")


class AuditChain(Base, kw_only=True):
    """How far the chain of one account has come, and how much of its beginning is removed."""

    __tablename__ = "audit_chains"
    __table_args__ = (Index("ix_audit_chains_account", "account"),)

    name: Mapped[str] = mapped_column(ChainColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    # An account that takes the name of a deleted one has a chain of its own.
    generation: Mapped[int]
    account_created_at: Mapped[datetime | None]
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    checkpoint: Mapped[int] = mapped_column(BigInteger, default=0)
    checkpoint_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    removed_until: Mapped[int] = mapped_column(BigInteger, default=0)
    removed_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    # The checkpoint that says what is removed: the latest tombstone.
    tombstone: Mapped[int | None] = mapped_column(BigInteger, default=None)


class AuditCheckpoint(Base, kw_only=True):
    """One signature over how far a chain had come."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = (
        Index("ix_audit_checkpoints_sequence", "chain", "sequence"),
        Index(
            "ix_audit_checkpoints_waiting",
            "created_at",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    chain: Mapped[str] = mapped_column(ChainColumn, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    jws: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    # When it was written to the file outside of the database; NULL also when there is no such file.
    shipped_at: Mapped[datetime | None] = mapped_column(default=None)
