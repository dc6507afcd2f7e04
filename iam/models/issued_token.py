"""The ledger: one row per issued token, durable before the token leaves."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.base import AccountColumn, Base, IdColumn


class IssuedToken(Base, kw_only=True):
    """One issued access token. The row *is* the event of the issuance.

    No foreign keys, on purpose: each would lock a principal's row for every token. The insert
    joins the current principal and credential instead, under the issuance gate (work.py).
    """

    __tablename__ = "issued_tokens"
    __table_args__ = (Index("ix_issued_tokens_principal_id", "principal_id", "expires_at"),)

    jti: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    account: Mapped[str] = mapped_column(AccountColumn)
    principal_id: Mapped[str] = mapped_column(IdColumn)
    client_id: Mapped[str] = mapped_column(IdColumn)
    credential_id: Mapped[str | None] = mapped_column(IdColumn, default=None)
    kid: Mapped[str] = mapped_column(String(64))
    audience: Mapped[str] = mapped_column(String(512))
    scope: Mapped[str] = mapped_column(String(1024), default="")
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    principal_epoch: Mapped[int]
    restore_epoch: Mapped[int]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class OneTimeId(Base, kw_only=True):
    """An id that may be used once: the `jti` of a client assertion, later codes and proofs.

    The kind is part of the key, so that an id of one kind can never be taken for another (TE-09).
    """

    __tablename__ = "one_time_ids"
    __table_args__ = (Index("ix_one_time_ids_expires_at", "expires_at"),)

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    expires_at: Mapped[datetime]
