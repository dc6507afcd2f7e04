"""What every table shares: names for constraints, instants in UTC, JSON columns."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, MetaData, String, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, always in UTC. SQLite forgets the zone, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant: which zone it meant can only be guessed."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant with its zone."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JsonColumn = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""A JSON value. Assign a new value to change it: a change inside it is not noticed."""

IdColumn = String(40)
"""A prefixed id: three letters, an underscore, 26 characters (domain: ids)."""

AccountColumn = String(64)
"""The name of the account that a row belongs to."""


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, repr=False, eq=False):
    """The parent of all tables.

    Rows are built with keyword arguments, so that a forgotten column is a type error. There is no
    generated `repr`: it would print whatever a row holds into a log.
    """

    # Alembic's batch mode on SQLite can only change a constraint that has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy reads this plain class attribute
        datetime: UtcDateTime,
        dict[str, Any]: JsonColumn,
        dict[str, str]: JsonColumn,
        list[str]: JsonColumn,
    }

    def __repr__(self) -> str:
        """Name the row and nothing that it holds."""
        return f"<{type(self).__name__}>"
