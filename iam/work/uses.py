"""When credentials were last used, written in batches outside the requests that used them.

Why here and not in the feature that owns credentials: the writer lives as long as the process, so
the runtime starts and stops it, and the runtime knows no features. It is to uses what
`journal/denials.py` is to refusals; the reading side is in the feature. A crash loses the last few
seconds of uses, never a credential or a token: the ledger has every issuance.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import String, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from iam.kit.background import BackgroundWriter
from iam.kit.database import Database
from iam.models import Credential, CredentialUse
from iam.models.base import UtcDateTime

FLUSH_SECONDS: Final = 5.0
MAX_WAITING: Final = 50_000
BATCH: Final = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Use:
    at: datetime
    address: str | None
    audience: str | None


class CredentialUses(BackgroundWriter):
    """The newest use of each credential that is not written yet, and the task that writes them."""

    def __init__(self, database: Database) -> None:
        super().__init__(seconds=FLUSH_SECONDS)
        self._database = database
        self._waiting: dict[str, _Use] = {}
        self._upsert = _upsert(database)

    def record(
        self, credential_id: str, *, address: str | None, audience: str | None, at: datetime
    ) -> None:
        """Take note of a use; never waits, never raises, and never moves a use back in time."""
        known = self._waiting.get(credential_id)
        if known is None and len(self._waiting) >= MAX_WAITING:
            return  # the database has been away for long; what is lost is a time of last use
        if known is None or at >= known.at:
            self._waiting[credential_id] = _Use(at, address, audience)
            self._wake()

    async def _write_waiting(self) -> None:
        # One order for all replicas, so that two that write the same rows cannot deadlock.
        waiting = sorted(self._waiting.items())
        self._waiting = {}
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            try:
                await self._write(batch)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("uses_unwritten", count=len(batch), error=type(error).__name__)
                self._put_back(waiting[start:])
                return

    def _put_back(self, uses: list[tuple[str, _Use]]) -> None:
        for credential_id, use in uses:
            self.record(credential_id, address=use.address, audience=use.audience, at=use.at)

    async def _write(self, uses: list[tuple[str, _Use]]) -> None:
        rows = [
            {
                "of": credential_id,
                "at": use.at,
                "address": use.address and use.address[:64],
                "audience": use.audience and use.audience[:512],
            }
            for credential_id, use in uses
        ]
        async with self._database.connect(writes=True) as connection, connection.begin():
            await connection.execute(self._upsert, rows)


def _upsert(database: Database) -> Any:
    """Insert or move forward; a credential that is gone by now is passed over."""
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    source = select(
        Credential.id,
        Credential.account,
        bindparam("at", type_=UtcDateTime),
        bindparam("address", type_=String),
        bindparam("audience", type_=String),
    ).where(Credential.id == bindparam("of"))
    columns = ["credential_id", "account", "last_used_at", "last_address", "last_audience"]
    statement = insert(CredentialUse).from_select(columns, source)
    return statement.on_conflict_do_update(
        index_elements=["credential_id"],
        set_={name: statement.excluded[name] for name in columns[2:]},
        where=CredentialUse.last_used_at < statement.excluded.last_used_at,
    )
