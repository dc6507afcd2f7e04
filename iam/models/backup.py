"""Backups that were made, and what was restored."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from iam.models.account import MAIN_ACCOUNT
from iam.models.base import Base, IdColumn


class Backup(Base, kw_only=True):
    """One backup that was made, as long as its file is kept."""

    __tablename__ = "backups"
    __table_args__ = (Index("ix_backups_created_at", "created_at"),)

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    # When the state was read that it holds, by the clock of the database.
    created_at: Mapped[datetime]
    path: Mapped[str] = mapped_column(String(1024))
    size: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    schema_revision: Mapped[str] = mapped_column(String(32))
    # The master key that opens it; a recovery key does, too.
    key_id: Mapped[str] = mapped_column(String(16))
    # When it was last restored into a scratch database, and all that is sealed in it was opened.
    verified_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def account(self) -> str:
        """Backups belong to the installation, which `main` looks after."""
        return MAIN_ACCOUNT

    @property
    def arn_service(self) -> str:
        """The service part of its ARN."""
        return "iam"

    @property
    def arn_resource(self) -> str:
        """The resource part of its ARN."""
        return f"backup/{self.id}"


class Restore(Base, kw_only=True):
    """One restore of this database. As long as it is not finished, nothing is served."""

    __tablename__ = "restores"

    id: Mapped[str] = mapped_column(IdColumn, primary_key=True)
    backup_id: Mapped[str] = mapped_column(IdColumn)
    backup_created_at: Mapped[datetime]
    began_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
