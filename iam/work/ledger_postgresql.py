"""How a batch of issuances is written on PostgreSQL: one round trip on a connection of its own.

The driver is used directly. A batch is one call over one JSON array, and SQLAlchemy would spend
more time on it than the database does.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson

from iam.kit.database import Database
from iam.work.gate import GATE
from iam.work.issuance import Issuance, Refusal, Refusals

# The batch comes as one JSON array of arrays: the driver would look at every element of thirteen
# typed arrays. Every row is judged, all that fit are written, and only the refused ones come back.
# The ids of `used` are unique within a batch (ledger.py), so the insert decides each of them.
_WRITE: Final = """
WITH asked AS (
    SELECT
        e ->> 0 AS jti, e ->> 1 AS principal_id, (e ->> 2)::int AS principal_epoch,
        e ->> 3 AS client_id, e ->> 4 AS credential_id, e ->> 5 AS kid, e ->> 6 AS audience,
        e ->> 7 AS scope, (e ->> 8)::timestamptz AS issued_at,
        (e ->> 9)::timestamptz AS expires_at, e ->> 10 AS once_kind, e ->> 11 AS once_id,
        (e ->> 12)::timestamptz AS once_until
    FROM jsonb_array_elements(batch) AS e
),
judged AS (
    SELECT a.*, p.account, i.restore_epoch,
        CASE
            WHEN p.id IS NULL OR n.name IS NULL THEN 'principal'
            WHEN a.credential_id IS NOT NULL AND c.id IS NULL THEN 'credential'
        END AS refusal
    FROM asked AS a
    JOIN installation AS i ON i.singleton = 1
    LEFT JOIN principals AS p ON p.id = a.principal_id
        AND p.status = 'active' AND p.principal_epoch = a.principal_epoch
    LEFT JOIN accounts AS n ON n.name = p.account AND n.status = 'active'
    LEFT JOIN credentials AS c ON c.id = a.credential_id
        AND c.principal_id = a.client_id AND c.status = 'active'
        AND (c.expires_at IS NULL OR c.expires_at > a.issued_at)
),
used AS (
    INSERT INTO one_time_ids (kind, id, expires_at)
    SELECT once_kind, once_id, once_until FROM judged
    WHERE refusal IS NULL AND once_id IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING kind, id
),
settled AS (
    SELECT j.*, COALESCE(
        j.refusal, CASE WHEN j.once_id IS NOT NULL AND u.id IS NULL THEN 'replayed' END
    ) AS outcome
    FROM judged AS j LEFT JOIN used AS u ON u.kind = j.once_kind AND u.id = j.once_id
),
written AS (
    INSERT INTO issued_tokens (
        jti, account, principal_id, client_id, credential_id, kid, audience, scope,
        issued_at, expires_at, principal_epoch, restore_epoch
    )
    SELECT jti, account, principal_id, client_id, credential_id, kid, audience, scope,
        issued_at, expires_at, principal_epoch, restore_epoch
    FROM settled WHERE outcome IS NULL
)
SELECT jti, outcome FROM settled WHERE outcome IS NOT NULL
"""


# A function, so that gate and batch are one round trip and, called outside of a transaction, one
# transaction. The gate is taken before the statement that looks: in a volatile function at READ
# COMMITTED each statement sees what was committed when it began, so it sees every revocation that
# was acknowledged before. It belongs to the connection: what runs is what this release says.
_PREPARE: Final = f"""
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
CREATE FUNCTION pg_temp.issue_tokens(batch jsonb) RETURNS TABLE (refused text, reason text)
LANGUAGE plpgsql VOLATILE AS $issue$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({GATE});
    RETURN QUERY {_WRITE};
END
$issue$
"""
_CALL: Final = "SELECT refused, reason FROM pg_temp.issue_tokens($1::jsonb)"


class PostgresLedger:
    """Writes batches; connects when it must, and again after the connection was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._issue: Any = None

    async def write(self, issuances: Sequence[Issuance]) -> Refusals:
        """Write one batch; see `Store`."""
        batch = orjson.dumps(list(map(tuple, issuances))).decode()
        try:
            if self._connection is None or self._connection.is_closed():
                await self._connect()
            refused = await self._issue.fetch(batch)
        except BaseException:
            # Whatever state the connection is in now, the next batch gets a clean one.
            self._drop()
            raise
        return {row["refused"]: Refusal(row["reason"]) for row in refused}

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._connection.close(timeout=1)
        self._drop()

    async def _connect(self) -> None:
        self._drop()
        self._connection = await self._database.open_postgresql()
        await self._connection.execute(_PREPARE)
        self._issue = await self._connection.prepare(_CALL)

    def _drop(self) -> None:
        connection, self._connection, self._issue = self._connection, None, None
        if connection is not None:
            connection.terminate()
