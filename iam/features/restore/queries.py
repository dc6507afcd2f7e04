"""What is in a database before a restore takes its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, column, func, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from iam.features.backup.queries import audit_head
from iam.kit import dumps
from iam.models import Credential, CredentialStatus, Restore
from iam.work import UnitOfWork

_SESSIONS: Final = table(
    "pg_stat_activity", column("pid"), column("datname"), column("application_name")
)
_INSTALLATION: Final = table("installation", column("restore_epoch"), column("uid"))
_US: Final = "iam"


@dataclass(frozen=True, slots=True)
class Present:
    """What is in a database now.

    Attributes:
        is_empty: Whether there is no table at all.
        installation: The id of the installation, as far as it can be read.
        restore_epoch: That of the installation; 0 when it cannot be read.
        audit_head: The last audit entry.
    """

    is_empty: bool
    installation: str = ""
    restore_epoch: int = 0
    audit_head: dict[str, Any] = field(default_factory=dict)


async def read_present(connection: AsyncConnection) -> Present:
    """What is there; of a database that is damaged, or of another schema, only that it is there."""
    if not await connection.run_sync(dumps.has_tables):
        return Present(is_empty=True)
    try:
        async with connection.begin_nested():
            row = (await connection.execute(select(_INSTALLATION))).one_or_none()
            head = await audit_head(connection)
    except DBAPIError:
        return Present(is_empty=False)
    if row is None:
        return Present(is_empty=False, audit_head=head)
    return Present(
        is_empty=False, installation=row.uid, restore_epoch=row.restore_epoch, audit_head=head
    )


async def count_other_sessions(connection: AsyncConnection) -> int:
    """PostgreSQL: how many other connections of iam there are to this database."""
    query = select(func.count()).where(
        _SESSIONS.c.datname == func.current_database(),
        _SESSIONS.c.application_name == _US,
        _SESSIONS.c.pid != func.pg_backend_pid(),
    )
    return int((await connection.execute(query.select_from(_SESSIONS))).scalar_one())


async def active_credentials(uow: UnitOfWork) -> Sequence[Credential]:
    """Every credential that is neither quarantined nor revoked, of every account."""
    query = select(Credential).where(Credential.status == CredentialStatus.ACTIVE)
    found: Sequence[Credential] = (await uow.scalars(query.order_by(Credential.id))).all()
    return found


def unfinished() -> Select[Restore]:
    """The restore that this database is in the middle of."""
    return select(Restore).where(Restore.finished_at.is_(None))
