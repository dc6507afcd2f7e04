"""Seals entries in the database: numbers them, chains them, and signs how far each chain has come.

An entry gets its number after its commit, in a transaction of its own: no gapless number can be had
inside the transaction that writes the entry. What is sealed is what has no number yet, and not what
comes after some position, so an entry that becomes visible late is sealed late, and never missed.
Of what is visible, what was written first is sealed first: an entry about a thing is written while
that thing is locked, so entries about one thing are in the order of their commits.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Executable, Result, insert, literal_column, select, update

from iam.journal.events import EventType
from iam.journal.seal import (
    BEGINNING,
    SALT_BYTES,
    Checkpoint,
    CheckpointSigner,
    Line,
    Part,
    Removal,
    digest,
    entry_line,
    instant,
)
from iam.kit.ids import IdKind, new_id
from iam.models import Account, AuditChain, AuditCheckpoint, AuditEntry, OutboxMessage

SILENT: Final[dict[str, Any]] = {"synchronize_session": False}
DENIED: Final = "denied"
_COLUMNS: Final = AuditEntry.__table__.c
_ROWID: Final[Any] = literal_column("rowid")


class Executor(Protocol):
    """A unit of work, or what else runs a statement in a transaction."""

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        """Run the statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealTools:
    """What sealing needs besides the database.

    Attributes:
        issuer: Whose log it is.
        signer: Signs checkpoints.
        job: The ARN of who seals.
        randomness: That many random bytes, for salts.
    """

    issuer: str
    signer: CheckpointSigner
    job: str
    randomness: Callable[[int], bytes]


async def oldest_unsealed(executor: Executor, *, skip: int = 0) -> str | None:
    """The id of an entry that is not sealed: of the oldest, or of that after so many others."""
    query = select(AuditEntry.id).where(AuditEntry.sequence.is_(None))
    found = query.order_by(AuditEntry.position).offset(skip).limit(1)
    entry: str | None = (await executor.execute(found)).scalar()
    return entry


async def seal_next(
    executor: Executor, tools: SealTools, *, limit: int, now: datetime, is_sqlite: bool
) -> int:
    """Seal so many entries, and sign a checkpoint of every chain they belong to.

    Returns how many entries there were. For one at a time: the caller holds a lease.
    """
    order = (AuditEntry.position, _ROWID) if is_sqlite else (AuditEntry.position, AuditEntry.id)
    query = select(*_COLUMNS).where(AuditEntry.sequence.is_(None)).order_by(*order).limit(limit)
    rows = (await executor.execute(query)).mappings().all()
    if not rows:
        return 0
    heads = await _heads(executor, {row["account"] for row in rows})
    sealed = [
        _sealed(row, heads.of(row["account"], row["occurred_at"]), tools.randomness) for row in rows
    ]
    statement = update(AuditEntry).execution_options(**SILENT)
    await executor.execute(statement, sealed)
    for head in heads.moved:
        await sign(executor, tools, head, now=now)
    return len(rows)


@dataclass
class Head:
    """Where a chain is. Moves with each entry that is sealed."""

    name: str
    account: str
    generation: int
    account_created_at: datetime | None
    is_new: bool = False
    sequence: int = 0
    hash: bytes = BEGINNING
    checkpoint: int = 0
    checkpoint_digest: bytes | None = None
    has_moved: bool = False

    def may_have(self, occurred_at: datetime) -> bool:
        """Whether the account of this chain was there at that time."""
        return self.account_created_at is None or self.account_created_at <= occurred_at


class _Heads:
    """The chains of some accounts; which of them an entry belongs to."""

    def __init__(self, heads: Sequence[Head], created: Mapping[str, datetime | None]) -> None:
        self._heads: dict[str, list[Head]] = defaultdict(list)
        for head in heads:
            self._heads[head.account].append(head)
        self._created = created

    @property
    def moved(self) -> list[Head]:
        """Those that entries were added to."""
        return [head for heads in self._heads.values() for head in heads if head.has_moved]

    def of(self, account: str, occurred_at: datetime) -> Head:
        """The chain of an entry.

        What happened before an account was made belongs to one that had its name before (MT-09).
        """
        heads, created = self._heads[account], self._created.get(account)
        is_own = created is not None and occurred_at >= created
        if not heads or (is_own and heads[-1].account_created_at != created):
            heads.append(_new_head(account, len(heads) + 1, created if is_own else None))
        head = next((head for head in reversed(heads) if head.may_have(occurred_at)), heads[0])
        head.has_moved = True
        return head


def _new_head(account: str, generation: int, created: datetime | None) -> Head:
    name = account if generation == 1 else f"{account}#{generation}"
    return Head(name, account, generation, created, is_new=True)


async def _heads(executor: Executor, accounts: set[str]) -> _Heads:
    query = select(Account.name, Account.created_at).where(Account.name.in_(accounts))
    created = {row.name: row.created_at for row in await executor.execute(query)}
    return _Heads(await read_heads(executor, accounts), created)


async def read_heads(executor: Executor, accounts: set[str] | None = None) -> list[Head]:
    """Where the chains of these accounts are, or all; each account's in their order."""
    table = AuditChain.__table__.c
    query = select(*table).order_by(AuditChain.account, AuditChain.generation)
    if accounts is not None:
        query = query.where(AuditChain.account.in_(accounts))
    return [
        Head(
            row.name, row.account, row.generation, row.account_created_at,
            sequence=row.sequence, hash=row.hash, checkpoint=row.checkpoint,
            checkpoint_digest=row.checkpoint_digest,
        )
        for row in await executor.execute(query)
    ]  # fmt: skip


def _sealed(
    row: Mapping[Any, Any], head: Head, randomness: Callable[[int], bytes]
) -> dict[str, Any]:
    """The columns that sealing fills in; the chain moves on."""
    salts = {f"{name}_salt": randomness(SALT_BYTES) for name in ("actor", "subject")}
    values = {**row, **salts, "chain": head.name, "sequence": head.sequence + 1}
    line = line_of(values, previous=head.hash)
    head.sequence, head.hash = head.sequence + 1, bytes.fromhex(line["hash"])
    given = {"id": row["id"], "chain": head.name, "sequence": head.sequence, "hash": head.hash}
    return {**given, **salts}


def line_of(row: Mapping[str, Any], *, previous: bytes) -> Line:
    """The line of an entry, from its columns; see docs/audit-log.md."""
    recorded = row["recorded_at"]
    members = {
        "chain": row["chain"],
        "sequence": row["sequence"],
        "id": row["id"],
        "type": row["type"],
        "outcome": row["outcome"],
        "occurred_at": instant(row["occurred_at"]),
        "recorded_at": None if recorded is None else instant(recorded),
        "actor_id": row["actor_id"],
        "target_id": row["target_id"],
        "request_id": row["request_id"],
        "decision_id": row["decision_id"],
    }
    actor, subject = parts_of(row)
    return entry_line(members, actor=actor, subject=subject, previous=previous)


def parts_of(row: Mapping[str, Any]) -> tuple[Part, Part]:
    """Who did it, and what it was done to.

    What a refused request said besides tells of who asked, and goes with the actor.
    """
    who = {"arn": row["actor"], "source_address": row["source_address"]}
    what = {"arn": row["subject"], "before": row["before"], "after": row["after"]}
    (who if row["outcome"] == DENIED else what)["detail"] = row["detail"]
    return _part(row, "actor", who), _part(row, "subject", what)


def _part(row: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> Part:
    kept: bytes | None = row[f"{name}_commitment"]
    if kept is not None:
        return Part(None, kept=kept)
    return Part(value, salt=row[f"{name}_salt"] or b"")


async def sign(
    executor: Executor,
    tools: SealTools,
    head: Head,
    *,
    now: datetime,
    removed: Removal | None = None,
) -> None:
    """Sign where a chain is; with `removed`, a tombstone."""
    checkpoint = Checkpoint(
        issuer=tools.issuer,
        chain=head.name,
        number=head.checkpoint + 1,
        previous=head.checkpoint_digest,
        sequence=head.sequence,
        hash=head.hash,
        at=instant(now),
        removed=removed,
    )
    jws = tools.signer.sign(checkpoint)
    head.checkpoint, head.checkpoint_digest = checkpoint.number, digest(jws)
    await executor.execute(insert(AuditCheckpoint).values(**_stored(head, jws, now)))
    await _store_head(executor, head)
    await executor.execute(insert(OutboxMessage).values(**_message(head, jws, tools.job, now)))


def _stored(head: Head, jws: str, now: datetime) -> dict[str, Any]:
    return {
        "chain": head.name,
        "number": head.checkpoint,
        "account": head.account,
        "sequence": head.sequence,
        "hash": head.hash,
        "jws": jws,
        "created_at": now,
    }


async def _store_head(executor: Executor, head: Head) -> None:
    moved = {
        "account_created_at": head.account_created_at,
        "sequence": head.sequence,
        "hash": head.hash,
        "checkpoint": head.checkpoint,
        "checkpoint_digest": head.checkpoint_digest,
    }
    if head.is_new:
        named = {"name": head.name, "account": head.account, "generation": head.generation}
        await executor.execute(insert(AuditChain).values(**named, **moved, removed_until=0))
        head.is_new = False
        return
    statement = update(AuditChain).where(AuditChain.name == head.name).values(**moved)
    await executor.execute(statement.execution_options(**SILENT))


def _message(head: Head, jws: str, job: str, now: datetime) -> dict[str, Any]:
    """The event of a checkpoint, for webhooks. It is in no audit log, whose seal it is."""
    partition = job.split(":")[1]
    detail = {
        "chain": head.name,
        "number": head.checkpoint,
        "sequence": head.sequence,
        "hash": head.hash.hex(),
        "jws": jws,
    }
    return {
        "id": new_id(IdKind.EVENT, now),
        "account": head.account,
        "type": EventType.AUDIT_LOG_CHECKPOINTED,
        "subject": f"arn:{partition}:audit::{head.account}:chain/{head.name}",
        "payload": {"actor": job, "before": None, "after": None, "detail": detail},
        "created_at": now,
    }
