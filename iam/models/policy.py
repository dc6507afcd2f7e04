"""Policies: managed ones with versions, who they are attached to, and inline ones."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class Policy(Base, kw_only=True):
    """A managed policy: a name, up to five versions, one of them the default that counts."""

    __tablename__ = "policies"
    __table_args__ = (
        Index("uq_policies_name", "account", "name_key", unique=True),
        Index("ix_policies_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    path: Mapped[str] = mapped_column(String(512), default="/")
    name: Mapped[str] = mapped_column(String(128))
    name_key: Mapped[str] = mapped_column(String(128), init=False)
    description: Mapped[str] = mapped_column(String(1000), default="")
    tags: Mapped[dict[str, str]] = mapped_column(default_factory=dict)
    # The number of the version that counts. Numbers are never used twice.
    default_version: Mapped[int] = mapped_column(default=1)
    last_version: Mapped[int] = mapped_column(default=1)
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
        return f"policy{self.path}{self.name}"


class PolicyVersion(Base, kw_only=True):
    """One document of a managed policy. It never changes after it was made."""

    __tablename__ = "policy_versions"

    policy_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("policies.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    document: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]


_ONE_HOLDER = "(principal_id IS NULL) <> (group_id IS NULL)"


class PolicyAttachment(Base, kw_only=True):
    """A managed policy attached to one principal or one group.

    Foreign keys both ways: a policy that is attached cannot be deleted, and a race between the
    two ends in the database, not in a dangling grant.
    """

    __tablename__ = "policy_attachments"
    __table_args__ = (
        CheckConstraint(_ONE_HOLDER, name="one_holder"),
        Index("uq_policy_attachments_principal", "principal_id", "policy_id", unique=True),
        Index("uq_policy_attachments_group", "group_id", "policy_id", unique=True),
        Index("ix_policy_attachments_principals", "policy_id", "account", "principal_id"),
        Index("ix_policy_attachments_groups", "policy_id", "account", "group_id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    policy_id: Mapped[str] = mapped_column(IdColumn, ForeignKey("policies.id"))
    principal_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE"), default=None
    )
    group_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("groups.id", ondelete="CASCADE"), default=None
    )
    created_at: Mapped[datetime]


class InlinePolicy(Base, kw_only=True):
    """A policy that belongs to one principal or one group and dies with it."""

    __tablename__ = "inline_policies"
    __table_args__ = (
        CheckConstraint(_ONE_HOLDER, name="one_holder"),
        Index("uq_inline_policies_principal", "principal_id", "name", unique=True),
        Index("uq_inline_policies_group", "group_id", "name", unique=True),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    name: Mapped[str] = mapped_column(String(128))
    document: Mapped[str] = mapped_column(Text)
    principal_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE"), default=None
    )
    group_id: Mapped[str | None] = mapped_column(
        IdColumn, ForeignKey("groups.id", ondelete="CASCADE"), default=None
    )
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form
