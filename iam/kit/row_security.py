"""Row security on PostgreSQL: the second wall behind the `account` filters of the queries.

Every table whose rows belong to an account has a policy (migration 0001): a row is there only for
a transaction whose setting `iam.account` is the row's account, or `*`. Without the setting no row
is there at all. Our connections start with `*`, for what serves all accounts at once; a unit of
work narrows itself to its caller's account, for its own transaction. SQLite has nothing like it.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, case, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

SETTING: Final = "iam.account"
ALL_ACCOUNTS: Final = "*"
"""No account can have this name."""

_ROLE = table("pg_roles", column("rolname"), column("rolsuper"), column("rolbypassrls"))
_BYPASS = select(case((_ROLE.c.rolsuper, "superuser"), (_ROLE.c.rolbypassrls, "BYPASSRLS"))).where(
    _ROLE.c.rolname == func.current_user()
)


def narrowed(account: Any) -> ColumnElement[str]:
    """The expression that narrows the transaction, from the next statement on, to an account.

    The end of the transaction takes it back, and so does the end of a savepoint that is rolled
    back. `account` is a name, or a column of a query that finds one row.
    """
    is_local = True
    return func.set_config(SETTING, account, is_local)


async def bypass(connection: AsyncConnection) -> str | None:
    """Why PostgreSQL does not apply row security to our role; `None` if it does."""
    reason: str | None = await connection.scalar(_BYPASS)
    return reason
