"""Finding backups, and what one has to know of the state that they hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import TableClause, column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from iam.kit.metrics import Family, gauge
from iam.models import MAIN_ACCOUNT, Backup, Installation
from iam.work import UnitOfWork

_AUDIT: Final = table("audit_entries", column("id"), column("position"))
_CHAINS: Final = table("audit_chains", column("name"), column("sequence"), column("hash"))
_OUTBOX: Final = table("outbox_messages", column("position"))
COUNTED: Final = (_AUDIT, _OUTBOX)
"""What PostgreSQL counts as it is written, each by a counter of its own."""


async def audit_head(connection: AsyncConnection) -> dict[str, Any]:
    """The end of the audit log that this connection sees: the last entry, and the seal of `main`.

    The seal is how far the chain has come, and its hash there.
    """
    last = await connection.scalar(select(func.max(_AUDIT.c.id)))
    query = select(_CHAINS.c.sequence, _CHAINS.c.hash).where(_CHAINS.c.name == MAIN_ACCOUNT)
    chain = (await connection.execute(query)).mappings().one_or_none()
    if chain is None:
        return {"last_id": last}
    return {"last_id": last, "sequence": chain["sequence"], "hash": bytes(chain["hash"]).hex()}


def counter_of(counted: TableClause) -> str:
    """The name of the counter of a table."""
    return f"{counted.name}_position"


async def last_position(connection: AsyncConnection, counted: TableClause) -> int:
    """The number of the last row of a table that is counted; 0 when there is none."""
    found = await connection.execute(select(func.max(counted.c.position)))
    return int(found.scalar_one() or 0)


async def list_backups(uow: UnitOfWork) -> Sequence[Backup]:
    """Every backup whose file is kept, newest first."""
    query = select(Backup).order_by(Backup.created_at.desc(), Backup.id.desc())
    found: Sequence[Backup] = (await uow.scalars(query)).all()
    return found


async def newest(uow: UnitOfWork) -> tuple[datetime | None, datetime | None]:
    """When the newest backup was made, and when one was last restored on trial."""
    made = await uow.scalar(select(func.max(Backup.created_at)))
    verified = await uow.scalar(select(func.max(Backup.verified_at)))
    return made, verified


async def measure(uow: UnitOfWork) -> list[Family]:
    """How old the newest backup is, and the newest that was verified, for the metrics.

    Without any, as old as the installation: who watches the age hears of that, too. Not in
    `service.py`, because a start shall not wait for what makes backups.
    """
    installation = await uow.get(Installation, 1)
    since = installation.created_at if installation is not None else uow.now
    made, verified = await newest(uow)
    return [
        gauge(
            "iam_backup_age_seconds",
            "Seconds since the newest backup was made.",
            (uow.now - (made or since)).total_seconds(),
        ),
        gauge(
            "iam_backup_verified_age_seconds",
            "Seconds since a backup was last restored on trial, and everything in it opened.",
            (uow.now - (verified or since)).total_seconds(),
        ),
    ]
