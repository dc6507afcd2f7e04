"""Reads what is sealed, as the lines of a log that anybody can verify (`journal/sealed_log.py`).

What stands in the database is told as it stands there, hashes included: whether it is what was
sealed is for the verifier to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from iam.journal.chains import Executor, line_of
from iam.journal.seal import BEGINNING, Line
from iam.journal.sealed_log import FORMAT
from iam.models import Account, AuditChain, AuditCheckpoint, AuditEntry


class RemovedMeanwhileError(Exception):
    """What was about to be read has been removed, by retention: begin again."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log has been read: after which entry, and after which checkpoint."""

    sequence: int
    checkpoint: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a log, and where the next begin; `None` at the end."""

    lines: Sequence[Line]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits.

    Attributes:
        unsealed_since: When the oldest entry that is not sealed was made.
        unshipped_since: When the oldest checkpoint that is not shipped was signed.
    """

    unsealed_since: datetime | None
    unshipped_since: datetime | None


async def read_lines(
    executor: Executor, *, issuer: str, account: str, after: Place | None, limit: int
) -> Lines:
    """Lines of an account's log, from the beginning or from a place. Never past a checkpoint.

    Raises `RemovedMeanwhileError`.
    """
    chain = await _chain(executor, account)
    if chain is None:
        return Lines([_header(issuer, account, account, None)], None)
    lines: list[Line] = []
    if after is None:
        tombstone = await _jws(executor, chain.name, chain.tombstone)
        lines.append(_header(issuer, account, chain.name, tombstone))
        after = Place(chain.removed_until, 0)
    entries = await _entries(executor, chain, after, limit)
    is_end = len(entries) < limit
    end = chain.sequence if is_end else entries[-1]["sequence"]
    checkpoints = await _checkpoints(executor, chain.name, after, end)
    found = await _chain(executor, account)
    if found is None or found.removed_until > after.sequence:
        raise RemovedMeanwhileError
    lines += _merged(await _lines(executor, chain.name, after, entries), checkpoints)
    last = checkpoints[-1].number if checkpoints else after.checkpoint
    return Lines(lines, None if is_end else Place(end, last))


async def read_backlog(executor: Executor) -> Backlog:
    """What waits to be sealed and to be shipped, over all accounts."""
    oldest = select(AuditEntry.occurred_at).where(AuditEntry.sequence.is_(None))
    unsealed = (await executor.execute(oldest.order_by(AuditEntry.position).limit(1))).scalar()
    waiting = select(func.min(AuditCheckpoint.created_at))
    waiting = waiting.where(AuditCheckpoint.shipped_at.is_(None))
    return Backlog(unsealed, (await executor.execute(waiting)).scalar())


def _header(issuer: str, account: str, chain: str, tombstone: str | None) -> Line:
    return {
        "kind": "log",
        "format": FORMAT,
        "issuer": issuer,
        "account": account,
        "chain": chain,
        "tombstone": tombstone,
    }


async def _chain(executor: Executor, account: str) -> Any:
    """The chain of the account that has this name now."""
    table = AuditChain.__table__.c
    made = select(Account.created_at).where(Account.name == account).scalar_subquery()
    own = select(*table).where(AuditChain.account == account)
    own = own.where(AuditChain.account_created_at == made).order_by(AuditChain.generation.desc())
    return (await executor.execute(own.limit(1))).one_or_none()


async def _jws(executor: Executor, chain: str, number: int | None) -> str | None:
    query = select(AuditCheckpoint.jws).where(
        AuditCheckpoint.chain == chain, AuditCheckpoint.number == number
    )
    found: str | None = (await executor.execute(query)).scalar()
    return found


async def _entries(
    executor: Executor, chain: Any, after: Place, limit: int
) -> Sequence[Mapping[Any, Any]]:
    query = (
        select(*AuditEntry.__table__.c)
        .where(
            AuditEntry.chain == chain.name,
            AuditEntry.sequence > after.sequence,
            AuditEntry.sequence <= chain.sequence,
        )
        .order_by(AuditEntry.sequence)
        .limit(limit)
    )
    return (await executor.execute(query)).mappings().all()


async def _checkpoints(executor: Executor, chain: str, after: Place, end: int) -> Sequence[Any]:
    query = (
        select(AuditCheckpoint.number, AuditCheckpoint.sequence, AuditCheckpoint.jws)
        .where(
            AuditCheckpoint.chain == chain,
            AuditCheckpoint.number > after.checkpoint,
            AuditCheckpoint.sequence <= end,
        )
        .order_by(AuditCheckpoint.number)
    )
    return (await executor.execute(query)).all()


async def _lines(
    executor: Executor, chain: str, after: Place, entries: Sequence[Mapping[Any, Any]]
) -> list[Line]:
    before = select(AuditEntry.hash).where(
        AuditEntry.chain == chain, AuditEntry.sequence == after.sequence
    )
    found: bytes | None = (await executor.execute(before)).scalar()
    if found is None and after.sequence:
        found = await _removed_hash(executor, chain, after.sequence)
    previous, lines = found or BEGINNING, []
    for entry in entries:
        lines.append({**line_of(entry, previous=previous), "hash": entry["hash"].hex()})
        previous = entry["hash"]
    return lines


async def _removed_hash(executor: Executor, chain: str, sequence: int) -> bytes | None:
    query = select(AuditChain.removed_hash).where(
        AuditChain.name == chain, AuditChain.removed_until == sequence
    )
    found: bytes | None = (await executor.execute(query)).scalar()
    return found


def _merged(entries: Sequence[Line], checkpoints: Sequence[Any]) -> list[Line]:
    """Each checkpoint after the last entry that it covers."""
    placed = [((line["sequence"], 0), line) for line in entries]
    placed += [
        ((each.sequence, each.number), {"kind": "checkpoint", "jws": each.jws})
        for each in checkpoints
    ]
    return [line for _, line in sorted(placed, key=lambda item: item[0])]
