"""Accounts: the isolation boundary inside one installation."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base

MAIN_ACCOUNT = "main"
SHIPPED_ACCOUNT = "iam"
"""The account that shipped managed policies live in. Nobody can be a principal of it."""


class AccountStatus(StrEnum):
    """Whether the principals of an account may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Account(Base, kw_only=True):
    """One account. Every other row names the account that it belongs to."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("status IN ('active', 'suspended')", name="status"),)

    name: Mapped[str] = mapped_column(AccountColumn, primary_key=True)
    status: Mapped[str] = mapped_column(String(16), default=AccountStatus.ACTIVE)
    description: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    @property
    def id(self) -> str:
        """The account's name is its id."""
        return self.name

    @property
    def account(self) -> str:
        """Accounts belong to `main`, which creates and suspends them."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "organizations"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"account/{self.name}"
