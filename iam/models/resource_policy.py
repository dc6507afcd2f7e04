"""Resource policies: who may do what with one resource, whoever they are."""

import hashlib
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.kit.framing import framed
from iam.models.base import AccountColumn, Base, IdColumn


def resource_key(account: str, resource: str) -> str:
    """What stands for a resource of an account: known before it has a policy, and short."""
    return hashlib.sha256(framed(account, resource).encode()).hexdigest()


class ResourcePolicy(Base, kw_only=True):
    """The policy of one resource. Its account is the one that owns the resource."""

    __tablename__ = "resource_policies"
    __table_args__ = (
        Index("uq_resource_policies_resource_key", "resource_key", unique=True),
        Index("ix_resource_policies_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    # An ARN may be longer than what a database can index; the key stands for it.
    resource: Mapped[str] = mapped_column(Text)
    resource_key: Mapped[str] = mapped_column(String(64), init=False)
    document: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    def __post_init__(self) -> None:
        self.resource_key = resource_key(self.account, self.resource)

    @property
    def arn(self) -> str:
        """The ARN of the resource: it may be anybody's, in any region."""
        return self.resource
