"""Mail: by which servers it leaves, what it says, and what waits to be sent."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class MailRoute(Base, kw_only=True):
    """One SMTP server. Those of an account are tried in the order of their preference."""

    __tablename__ = "mail_routes"
    __table_args__ = (
        CheckConstraint("security IN ('starttls', 'tls', 'none')", name="security"),
        Index("uq_mail_routes_name", "account", "name_key", unique=True),
        Index("ix_mail_routes_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(64), init=False)
    # The lowest is tried first.
    preference: Mapped[int]
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    security: Mapped[str] = mapped_column(String(16))
    sender: Mapped[str] = mapped_column(String(320))
    username: Mapped[str | None] = mapped_column(String(320), default=None)
    password_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
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
        return f"mail-route/{self.name}"


class MailTemplate(Base, kw_only=True):
    """What an account's mails of one kind say, in place of the shipped text."""

    __tablename__ = "mail_templates"
    __table_args__ = (
        Index("uq_mail_templates_name", "account", "name", unique=True),
        Index("ix_mail_templates_list", "account", "id"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    name: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text, default="")
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
        return f"mail-template/{self.name}"


class Mail(Base, kw_only=True):
    """One mail, ready to be sent. What it says may hold a link that signs somebody in."""

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_created_at", "created_at"),)

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    template: Mapped[str] = mapped_column(String(64))
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    # After that it would only confuse.
    expires_at: Mapped[datetime]
