"""What the database says after recovery."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import with_polymorphic

from iam.features.signing_keys.rules import Purpose
from iam.journal.chain_reading import read_lines
from iam.journal.events import EventType
from iam.journal.record import _values
from iam.journal.sealed_log import LogFlawError, verify_log
from iam.kit.database import Database
from iam.models import (
    AuditChain,
    AuditCheckpoint,
    AuditEntry,
    Base,
    Credential,
    Group,
    IssuedToken,
    OutboxMessage,
    PolicyAttachment,
    Principal,
    SigningKey,
)
from iam_sdk.encoding import b64url_decode
from iam_sdk.jws import KeySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The rows that matter.

    Attributes:
        tokens: The ledger, by `jti`.
        entries: The audit log without refusals, oldest first.
        messages: The outbox, by id.
        entities: Principals, groups and credentials by id, as the audit log shows values.
        attachments: Attached policies by the id of the attachment, likewise.
        complaint: What the database's own check of itself says; empty when all is well.
        broken_seal: What a verifier of the sealed audit log says; empty when it holds.
    """

    tokens: Mapping[str, IssuedToken]
    entries: Sequence[AuditEntry]
    messages: Mapping[str, OutboxMessage]
    entities: Mapping[str, Mapping[str, Any]]
    attachments: Mapping[str, Mapping[str, Any]]
    complaint: str
    broken_seal: str = ""


async def read_database(url: str) -> Recovered:
    """Read all of it, of every account, in one transaction."""
    database = Database(superuser_url(url))
    try:
        async with database.connect(writes=False) as connection:
            if not database.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            async with AsyncSession(connection) as session:
                return await _read(session, is_sqlite=database.is_sqlite)
    finally:
        await database.close()


def superuser_url(url: str) -> str:
    """The same database for somebody to whom no row is hidden."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return url
    return parsed.set(username="postgres").render_as_string()


async def _read(session: AsyncSession, *, is_sqlite: bool) -> Recovered:
    async def rows(query: Any) -> list[Any]:
        return list(await session.scalars(query))

    complaint = ""
    if is_sqlite:
        found = await session.scalar(text("PRAGMA integrity_check"))
        complaint = "" if found == "ok" else str(found)
    everybody = with_polymorphic(Principal, "*")
    entities: list[Base] = []
    for query in (select(everybody), select(Group), select(Credential)):
        entities += await rows(query)
    entries = select(AuditEntry).where(AuditEntry.outcome == "success").order_by(AuditEntry.id)
    # What tells receivers of the seal of the log is in no log.
    messages = select(OutboxMessage).where(OutboxMessage.type != EventType.AUDIT_LOG_CHECKPOINTED)
    return Recovered(
        tokens={row.jti: row for row in await rows(select(IssuedToken))},
        entries=await rows(entries),
        messages={row.id: row for row in await rows(messages)},
        entities=_by_id(entities),
        attachments=_by_id(await rows(select(PolicyAttachment))),
        complaint=complaint,
        broken_seal=await _broken_seal(session),
    )


async def _broken_seal(session: AsyncSession) -> str:
    """What is wrong with the sealed log of an account, if anything is: as its export shows it."""
    public = select(SigningKey.public_jwk).where(SigningKey.purpose == Purpose.AUDIT_LOG)
    keys = KeySet.from_jwks({"keys": list(await session.scalars(public))})
    for account in await session.scalars(select(AuditChain.account).distinct()):
        jws = await session.scalar(
            select(AuditCheckpoint.jws).where(AuditCheckpoint.account == account).limit(1)
        )
        issuer = json.loads(b64url_decode(jws.split(".")[1]))["iss"] if jws else ""
        found = await read_lines(session, issuer=issuer, account=account, after=None, limit=10**6)
        try:
            verify_log(map(json.dumps, found.lines), keys)
        except LogFlawError as flaw:
            return f"{account}: {flaw.message}"
    return ""


def _by_id(rows: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
    return {row.id: _values(row) for row in rows}
