"""Guardrails: what nobody may exceed, and the levels that they are attached to."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import AccountColumn, Base, IdColumn

FULL_ACCESS: Final = "FullAccess"
"""The shipped guardrail of each kind, attached to every level until somebody detaches it."""


class GuardrailKind(StrEnum):
    """Whom a guardrail binds: principals (SCP) or resources (RCP)."""

    SCP = "scp"
    RCP = "rcp"


# The words in the ARNs of AWS Organizations.
_WORDS: Final = {
    GuardrailKind.SCP: "service_control_policy",
    GuardrailKind.RCP: "resource_control_policy",
}


def guardrail_resource(kind: str, name: str) -> str:
    """The resource part of a guardrail's ARN."""
    return f"policy/{_WORDS[GuardrailKind(kind)]}/{name}"


class Guardrail(Base, kw_only=True):
    """A guardrail and its document. All of them belong to the installation."""

    __tablename__ = "guardrails"
    __table_args__ = (
        CheckConstraint("kind IN ('scp', 'rcp')", name="kind"),
        Index("uq_guardrails_name", "kind", "name_key", unique=True),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(128))
    name_key: Mapped[str] = mapped_column(String(128), init=False)
    description: Mapped[str] = mapped_column(String(1000), default="")
    document: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    def __post_init__(self) -> None:
        self.name_key = self.name.casefold()

    @property
    def account(self) -> str:
        """The account that looks after the installation."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "organizations"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return guardrail_resource(self.kind, self.name)

    @property
    def is_shipped(self) -> bool:
        """Whether it comes with the software; nobody can change it."""
        return self.name == FULL_ACCESS


class GuardrailAttachment(Base, kw_only=True):
    """A guardrail at one level: an account, or the installation.

    The account's column is not called `account`: the rows belong to the installation, and every
    account's decisions read them.
    """

    __tablename__ = "guardrail_attachments"
    __table_args__ = (
        Index("uq_guardrail_attachments_level", "guardrail_id", "level", unique=True),
        Index("ix_guardrail_attachments_list", "guardrail_id", "id"),
        Index("ix_guardrail_attachments_account_name", "account_name"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    guardrail_id: Mapped[str] = mapped_column(IdColumn, ForeignKey("guardrails.id"))
    # `installation`, or `account/` and the account's name: a NULL would be unequal to a NULL.
    level: Mapped[str] = mapped_column(String(80))
    account_name: Mapped[str | None] = mapped_column(
        AccountColumn, ForeignKey("accounts.name", ondelete="CASCADE"), default=None
    )
    created_at: Mapped[datetime]
