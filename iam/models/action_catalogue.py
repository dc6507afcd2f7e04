"""Action catalogues: what a service's actions are, and whose prefix they stand under."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class ActionCatalogue(Base, kw_only=True):
    """The actions under one prefix, which belongs to one service of the account.

    It goes with the service that owns it; the prefix is free again then.
    """

    __tablename__ = "action_catalogues"
    __table_args__ = (
        Index("uq_action_catalogues_prefix", "account", "prefix", unique=True),
        Index("ix_action_catalogues_list", "account", "id"),
        Index("ix_action_catalogues_service", "service_id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    prefix: Mapped[str] = mapped_column(String(63))
    service_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE")
    )
    document: Mapped[str] = mapped_column(Text)
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
        return f"action-catalogue/{self.prefix}"
