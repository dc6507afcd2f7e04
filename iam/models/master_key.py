"""Master keys by their ids, and who can recover them. No key is ever in the database."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import Base


class MasterKeyState(StrEnum):
    """The life of a master key, in order."""

    PREPARED = "prepared"
    """Replicas are given it, and seal nothing with it yet."""
    ACTIVE = "active"
    """It seals."""
    RETIRING = "retiring"
    """It opens what it once sealed, until all of that is sealed anew."""
    RETIRED = "retired"
    """Nothing in the database needs it; older backups may."""


class MasterKey(Base, kw_only=True):
    """One master key, by its public name."""

    __tablename__ = "master_keys"
    __table_args__ = (
        CheckConstraint("state IN ('prepared', 'active', 'retiring', 'retired')", name="state"),
        # Of two rotations at once one ends here.
        Index(
            "uq_master_keys_active",
            "state",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None] = mapped_column(default=None)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def id(self) -> str:
        """Its public name, which tells nothing of the key."""
        return self.key_id

    @property
    def account(self) -> str:
        """Master keys belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"master-key/{self.key_id}"


class RecoveryRecipient(Base, kw_only=True):
    """Who can open backups and recovery copies of the master key, with a key kept elsewhere."""

    __tablename__ = "recovery_recipients"

    # `age1...`, the public half.
    recipient: Mapped[str] = mapped_column(String(100), primary_key=True)
    # SHA-256 of a code that only who can open the recovery copy can know.
    confirmation_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    # Without it, nobody knows whether the private half exists.
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def id(self) -> str:
        """The public key is its id."""
        return self.recipient

    @property
    def account(self) -> str:
        """Recipients belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"recovery-recipient/{self.recipient}"
