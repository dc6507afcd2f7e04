"""What the whole installation has once: its identity, its epochs, proof of its master key."""

from datetime import datetime

from sqlalchemy import CheckConstraint, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import Base, IdColumn


class Installation(Base, kw_only=True):
    """The one row of this table."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("singleton = 1", name="one_row"),)

    singleton: Mapped[int] = mapped_column(primary_key=True, default=1)
    partition: Mapped[str] = mapped_column(String(32))
    # Raised by a restore: whatever was issued before it is refused (domain: epochs).
    restore_epoch: Mapped[int] = mapped_column(default=1)
    # A known text, sealed: opening it proves that the master key is the right one.
    key_check_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    # Random, so that a backup of another installation is told from one of this.
    uid: Mapped[str] = mapped_column(IdColumn, default="", server_default="")

    @property
    def id(self) -> str:
        """There is one installation; this names it in events."""
        return "installation"

    @property
    def account(self) -> str:
        """The account that looks after the installation."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return "installation"
