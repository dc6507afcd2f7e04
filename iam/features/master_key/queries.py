"""Finding master keys, recipients, and everything that is sealed."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Row, Select, Table, func, select, tuple_

from iam.authz.gather import Reader
from iam.kit.sealing import HEADER_BYTES, Place, sealed_by, sealed_header
from iam.models import MAIN_ACCOUNT, Base, MasterKey, MasterKeyState
from iam.work import UnitOfWork

BATCH: Final = 200
"""Values that are opened and sealed at a time: some milliseconds' work."""
_SUFFIX: Final = "_sealed"
_ACCOUNT: Final = "account"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column that holds sealed values.

    Every such column has a name that ends in `_sealed`, and its values are sealed for the place
    `table, column, primary key, account`: parts of a compound key with a slash between them, and
    `main` for what belongs to the installation. So a new one is found here by itself.
    """

    table: Table
    column: Column[Any]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.table.name}.{self.column.name}"

    @property
    def key(self) -> Sequence[Column[Any]]:
        """The primary key."""
        return list(self.table.primary_key.columns)

    def place_of(self, row: Row[Any]) -> Place:
        """Where the value of a row is sealed."""
        values = row._mapping  # noqa: SLF001 -- SQLAlchemy's public name for it
        account = values[_ACCOUNT] if _ACCOUNT in self.table.c else MAIN_ACCOUNT
        return self.place([values[column.name] for column in self.key], account=account)

    def place(self, key: Sequence[Any], *, account: str) -> Place:
        """Where the value of the row with this primary key is sealed."""
        return Place(self.table.name, self.column.name, "/".join(map(str, key)), account)

    def value_of(self, row: Row[Any]) -> bytes:
        """What is sealed there."""
        value: bytes = row._mapping[self.column.name]  # noqa: SLF001 -- as above
        return value

    def select(self) -> Select[Any]:
        """All values, with what tells their places."""
        account = [self.table.c[_ACCOUNT]] if _ACCOUNT in self.table.c else []
        wanted = dict.fromkeys([*self.key, *account, self.column])
        return select(*wanted).where(self.column.is_not(None)).order_by(*self.key)


def sealed_columns() -> list[SealedColumn]:
    """Every column that holds sealed values."""
    return [
        SealedColumn(table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(_SUFFIX)
    ]


async def sealed_rows(reader: Reader, sealed: SealedColumn) -> AsyncIterator[Sequence[Row[Any]]]:
    """All rows with a value in this column, some at a time, by their keys."""
    after: tuple[Any, ...] | None = None
    while rows := await sealed_batch(reader, sealed, after=after):
        yield rows
        after = key_of(sealed, rows[-1])


async def sealed_batch(
    reader: Reader,
    sealed: SealedColumn,
    *,
    but_with: str | None = None,
    after: tuple[Any, ...] | None = None,
) -> Sequence[Row[Any]]:
    """Some of the rows with a value in this column, by their keys: those that follow `after`.

    `but_with` leaves out what this master key has sealed.
    """
    query = sealed.select().limit(BATCH)
    if but_with is not None:
        query = query.where(_not_by(sealed, but_with))
    if after is not None:
        query = query.where(tuple_(*sealed.key) > tuple_(*after))
    return (await reader.execute(query)).all()


def key_of(sealed: SealedColumn, row: Row[Any]) -> tuple[Any, ...]:
    """The primary key of a row."""
    return tuple(row._mapping[column.name] for column in sealed.key)  # noqa: SLF001 -- as above


async def count_sealed(reader: Reader, *, but_with: str | None = None) -> int:
    """How many sealed values there are, or how many that this master key has not sealed."""
    total = 0
    for sealed in sealed_columns():
        query = select(func.count()).where(sealed.column.is_not(None))
        if but_with is not None:
            query = query.where(_not_by(sealed, but_with))
        total += int((await reader.execute(query)).scalar_one())
    return total


async def count_by_key(reader: Reader) -> dict[str, int]:
    """How many values each master key has sealed, by its id."""
    found: dict[str, int] = {}
    for sealed in sealed_columns():
        header = func.substr(sealed.column, 1, HEADER_BYTES).label("header")
        query = (
            select(header, func.count().label("values"))
            .where(sealed.column.is_not(None))
            .group_by(header)
        )
        for row in (await reader.execute(query)).mappings():
            key_id = sealed_by(bytes(row["header"]))
            found[key_id] = found.get(key_id, 0) + int(row["values"])
    return found


def _not_by(sealed: SealedColumn, key_id: str) -> Any:
    header = sealed_header(key_id)
    return func.substr(sealed.column, 1, len(header)) != header


async def list_keys(uow: UnitOfWork) -> Sequence[MasterKey]:
    """Every master key that there was, oldest first."""
    query = select(MasterKey).order_by(MasterKey.created_at, MasterKey.key_id)
    found: Sequence[MasterKey] = (await uow.scalars(query)).all()
    return found


async def find_active(uow: UnitOfWork) -> MasterKey | None:
    """The key that seals; whoever else is about to change it waits until this work ends."""
    query = select(MasterKey).where(MasterKey.state == MasterKeyState.ACTIVE).with_for_update()
    found: MasterKey | None = await uow.scalar(query)
    return found
