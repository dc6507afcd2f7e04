"""Leases: who alone does something among the replicas, for how long, and under which fence."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import Base


class Lease(Base, kw_only=True):
    """One thing that one replica at a time may do. Rows stay, because fences must only grow.

    Its instants are those of the database, not of any replica.
    """

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    # Whom to look for when it is stuck; the fence alone tells holders apart.
    holder: Mapped[str] = mapped_column(String(255))
    fence: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]
