"""Configurations: documents that say what access is to be, and what each of them manages."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class Configuration(Base, kw_only=True):
    """One configuration, from its first document to the one that deletes all that it manages."""

    __tablename__ = "configurations"
    __table_args__ = (Index("uq_configurations_name", "account", "name", unique=True),)

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    name: Mapped[str] = mapped_column(String(64))
    # The plan that was applied last, and who answered for what it widened, if it did.
    plan: Mapped[str] = mapped_column(String(64))
    approved_by: Mapped[str | None] = mapped_column(String(256), default=None)
    times_applied: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"configuration/{self.name}"


class ManagedObject(Base, kw_only=True):
    """An object that a configuration manages: one at most does.

    No foreign key leads to the object, which may be of any kind. What is deleted by hand leaves its
    mark behind, which means nothing: ids are never given twice.
    """

    __tablename__ = "managed_objects"
    __table_args__ = (Index("ix_managed_objects_configuration_id", "configuration_id"),)

    object_id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    configuration_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("configurations.id", ondelete="CASCADE")
    )
