"""Signing keys of the installation: one key set, one active key per purpose."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import Base

ACCESS_TOKENS: Final = "access_token"
"""The purpose of the keys that verify tokens: no others are in the key set that we publish."""


class SigningKeyState(StrEnum):
    """The life of a signing key, in order. A tainted key is gone at once."""

    PREPARED = "prepared"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


class SigningKey(Base, kw_only=True):
    """One key pair; the private half is sealed."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint("state IN ('prepared', 'active', 'retiring', 'gone')", name="state"),
        # Two rotations at once end here: only one of them can prepare, and only one activate.
        Index(
            "uq_signing_keys_prepared",
            "purpose",
            unique=True,
            sqlite_where=text("state = 'prepared'"),
            postgresql_where=text("state = 'prepared'"),
        ),
        Index(
            "uq_signing_keys_active",
            "purpose",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    algorithm: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    public_jwk: Mapped[dict[str, Any]]
    private_key_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime]
    activated_at: Mapped[datetime | None] = mapped_column(default=None)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)
    gone_at: Mapped[datetime | None] = mapped_column(default=None)
    tainted_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def id(self) -> str:
        """The key id: its RFC 7638 thumbprint."""
        return self.kid

    @property
    def account(self) -> str:
        """Signing keys belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"signing-key/{self.kid}"
