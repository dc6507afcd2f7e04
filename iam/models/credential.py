"""Credentials: anything that proves a principal. One table, one life cycle."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class CredentialKind(StrEnum):
    """What proves the principal."""

    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of a kind
    PUBLIC_KEY = "public_key"
    JWKS_URI = "jwks_uri"


class CredentialStatus(StrEnum):
    """The stored part of the life cycle; *expired* follows from `expires_at`.

    Quarantine can be lifted, revocation cannot.
    """

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"


class Credential(Base, kw_only=True):
    """One credential of one principal."""

    __tablename__ = "credentials"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'quarantined', 'revoked')", name="status"),
        Index("uq_credentials_secret_hash", "secret_hash", unique=True),
        Index("ix_credentials_principal_id", "principal_id", "id"),
        Index("ix_credentials_list", "account", "id"),
        Index("ix_credentials_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn, ForeignKey("accounts.name"))
    principal_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("principals.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16), default=CredentialStatus.ACTIVE)
    description: Mapped[str] = mapped_column(String(1000), default="")
    # SHA-256 of a secret of 256 random bits: nothing to guess, so no slow hash is needed.
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    # The first characters of a secret, by which a person recognises it in a list.
    hint: Mapped[str | None] = mapped_column(String(16), default=None)
    public_jwk: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    jwks_uri: Mapped[str | None] = mapped_column(String(2048), default=None)
    created_by: Mapped[str] = mapped_column(IdColumn, default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(init=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own form

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"credential/{self.id}"

    def is_live(self, now: datetime) -> bool:
        """Whether it proves its principal at this instant."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.status == CredentialStatus.ACTIVE and not expired


class CredentialUse(Base, kw_only=True):
    """When a credential was last used, and from where. Written in batches, never in a request."""

    __tablename__ = "credential_uses"

    credential_id: Mapped[str] = mapped_column(
        IdColumn, ForeignKey("credentials.id", ondelete="CASCADE"), primary_key=True
    )
    account: Mapped[str] = mapped_column(AccountColumn)
    last_used_at: Mapped[datetime]
    last_address: Mapped[str | None] = mapped_column(String(64), default=None)
    last_audience: Mapped[str | None] = mapped_column(String(512), default=None)
