"""The change log: which entities changed, for the replicas' snapshots."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base


class Change(Base, kw_only=True):
    """One entity that a committed transaction changed.

    A sequence is not in commit order on PostgreSQL: `xid` (the writing transaction) lets a reader
    know from where on rows may still appear (journal/change_log_postgresql.py).
    """

    __tablename__ = "changes"
    # SQLite gives the number of a deleted last row again, unless told not to.
    __table_args__ = (Index("ix_changes_xid", "xid"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, init=False
    )
    # Filled by the database on PostgreSQL; SQLite has one writer, and `seq` is enough there.
    xid: Mapped[int] = mapped_column(BigInteger, init=False, server_default="0")
    account: Mapped[str] = mapped_column(AccountColumn)
    entity_id: Mapped[str] = mapped_column(String(700))
    changed_at: Mapped[datetime]
