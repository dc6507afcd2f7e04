"""Groups and who is in them. A group carries policies, is not a principal, and does not nest."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn

ADMINISTRATORS = "administrators"
"""The group whose active members administer the account (domain: an administrator is ...)."""


class Group(Base, kw_only=True):
    """A named set of principals."""

    __tablename__ = "groups"
    __table_args__ = (
        Index("uq_groups_name", "account", "name_key", unique=True),
        Index("ix_groups_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    path: Mapped[str] = mapped_column(String(512), default="/")
    name: Mapped[str] = mapped_column(String(128))
    name_key: Mapped[str] = mapped_column(String(128), init=False)
    description: Mapped[str] = mapped_column(String(1000), default="")
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    def __post_init__(self) -> None:
        self.name_key = self.name.casefold()

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"group{self.path}{self.name}"


class GroupMembership(Base, kw_only=True):
    """One principal in one group."""

    __tablename__ = "group_memberships"
    __table_args__ = (Index("ix_group_memberships_principal_id", "principal_id", "group_id"),)

    group_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True
    )
    principal_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE"), primary_key=True
    )
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    created_at: Mapped[datetime]
