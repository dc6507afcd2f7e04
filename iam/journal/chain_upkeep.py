"""What happens to sealed entries later: they are copied out, grow old, or forget a person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, String, cast, delete, func, or_, select, tuple_, update

from iam.journal.chains import SILENT, Executor, Head, SealTools, parts_of, sign
from iam.journal.events import EventType
from iam.journal.seal import Line, Removal, digest, instant
from iam.models import AuditChain, AuditCheckpoint, AuditEntry

REVOKING: Final = frozenset(
    {
        EventType.TOKEN_REVOKED,
        EventType.CREDENTIAL_REVOKED,
        EventType.CREDENTIAL_QUARANTINED,
        EventType.SIGNING_KEY_TAINTED,
        EventType.USER_DISABLED,
        EventType.USER_DELETED,
        EventType.SERVICE_DISABLED,
        EventType.SERVICE_DELETED,
        EventType.ROLE_DISABLED,
        EventType.ROLE_DELETED,
        EventType.ACCOUNT_SUSPENDED,
        EventType.ACCOUNT_DELETED,
    }
)
"""Events after which somebody may do less. They are copied out, so that a restore of an older
backup can be told what must not come back."""

_WINDOW: Final = 5_000
"""Entries that one statement looks through."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be copied out of the database next.

    Attributes:
        lines: Revocations, and the checkpoints that cover them.
        checkpoints: Which checkpoints these are.
    """

    lines: Sequence[Line]
    checkpoints: Sequence[tuple[str, int]]


async def pack(executor: Executor, *, limit: int) -> Parcel:
    """What was not copied out yet, oldest first."""
    query = (
        select(AuditCheckpoint.chain, AuditCheckpoint.number, AuditCheckpoint.sequence)
        .add_columns(AuditCheckpoint.jws)
        .where(AuditCheckpoint.shipped_at.is_(None))
        .order_by(AuditCheckpoint.created_at, AuditCheckpoint.chain, AuditCheckpoint.number)
        .limit(limit)
    )
    rows = (await executor.execute(query)).all()
    lines: list[Line] = []
    for row in rows:
        lines += await _revocations(executor, row)
        lines.append({"kind": "checkpoint", "jws": row.jws})
    return Parcel(lines, [(row.chain, row.number) for row in rows])


async def _revocations(executor: Executor, checkpoint: Any) -> list[Line]:
    """The revocations that a checkpoint covers and the one before it does not."""
    before = select(func.max(AuditCheckpoint.sequence)).where(
        AuditCheckpoint.chain == checkpoint.chain, AuditCheckpoint.number < checkpoint.number
    )
    first = (await executor.execute(before)).scalar() or 0
    query = (
        select(AuditEntry.sequence, AuditEntry.id, AuditEntry.account, AuditEntry.type)
        .add_columns(AuditEntry.occurred_at, AuditEntry.target_id)
        .where(
            AuditEntry.chain == checkpoint.chain,
            AuditEntry.sequence > first,
            AuditEntry.sequence <= checkpoint.sequence,
            AuditEntry.type.in_(REVOKING),
        )
        .order_by(AuditEntry.sequence)
    )
    return [
        {
            "kind": "revocation",
            "chain": checkpoint.chain,
            "sequence": row.sequence,
            "id": row.id,
            "account": row.account,
            "type": row.type,
            "occurred_at": instant(row.occurred_at),
            "target_id": row.target_id,
        }
        for row in await executor.execute(query)
    ]


async def mark_shipped(
    executor: Executor, checkpoints: Collection[tuple[str, int]], *, now: datetime
) -> None:
    """Note that these checkpoints are copied out."""
    key = tuple_(AuditCheckpoint.chain, AuditCheckpoint.number)
    statement = update(AuditCheckpoint).where(key.in_(checkpoints)).values(shipped_at=now)
    await executor.execute(statement.execution_options(**SILENT))


async def bury(
    executor: Executor,
    tools: SealTools,
    head: Head,
    *,
    before: datetime,
    now: datetime,
    is_shipped: bool,
) -> bool:
    """Sign a tombstone over what was sealed before an instant; whether there was any.

    Whole checkpoints go, so that the rest begins at a hash that was signed. With `is_shipped` only
    those go that were copied out. The entries themselves are for `remove_buried`.
    """
    over = (
        select(*AuditCheckpoint.__table__.c)
        .join(AuditChain, AuditChain.name == AuditCheckpoint.chain)
        .where(
            AuditCheckpoint.chain == head.name,
            AuditCheckpoint.created_at < before,
            AuditCheckpoint.sequence > AuditChain.removed_until,
        )
        .order_by(AuditCheckpoint.number.desc())
        .limit(1)
    )
    if is_shipped:
        over = over.where(AuditCheckpoint.shipped_at.is_not(None))
    last = (await executor.execute(over)).one_or_none()
    if last is None:
        return False
    removal = Removal(last.sequence, last.hash, last.number, digest(last.jws))
    await sign(executor, tools, head, now=now, removed=removal)
    chain = update(AuditChain).where(AuditChain.name == head.name)
    chain = chain.values(
        removed_until=last.sequence, removed_hash=last.hash, tombstone=head.checkpoint
    )
    await executor.execute(chain.execution_options(**SILENT))
    gone = delete(AuditCheckpoint).where(
        AuditCheckpoint.chain == head.name, AuditCheckpoint.number <= last.number
    )
    await executor.execute(gone.execution_options(**SILENT))
    return True


async def remove_buried(executor: Executor, *, limit: int) -> int:
    """Remove so many of the entries that a tombstone covers; returns how many there were."""
    over = (
        select(AuditEntry.id)
        .join(AuditChain, AuditChain.name == AuditEntry.chain)
        .where(AuditEntry.sequence <= AuditChain.removed_until)
        .limit(limit)
    )
    statement = delete(AuditEntry).where(AuditEntry.id.in_(over))
    result = await executor.execute(statement.execution_options(**SILENT))
    return int(getattr(result, "rowcount", 0))


async def has_unsealed(executor: Executor, person: str) -> bool:
    """Whether an entry of or about this person waits to be sealed."""
    query = select(AuditEntry.id).where(_is_of(person), AuditEntry.sequence.is_(None))
    return (await executor.execute(query.limit(1))).first() is not None


async def names_of(executor: Executor, person: str) -> set[str]:
    """The ARNs under which the log knows a person."""
    subjects = select(AuditEntry.subject).where(AuditEntry.target_id == person)
    actors = select(AuditEntry.actor).where(AuditEntry.actor_id == person)
    found = (await executor.execute(subjects.union(actors))).scalars()
    return {arn for arn in found if arn}


async def erase_person(
    executor: Executor, person: str, *, names: Collection[str], pseudonym: str
) -> int:
    """Erase what the log tells of a person, and the salts with which it could be guessed.

    What is left are ids, and the commitments that the seal was made over. `names` are the person's
    ARNs, `pseudonym` is the one that stands in their place. Returns how many entries there were.
    """
    chains = select(AuditChain.name, AuditChain.sequence, AuditChain.removed_until)
    count = 0
    for chain in (await executor.execute(chains)).all():
        for start in range(chain.removed_until, chain.sequence, _WINDOW):
            window = (
                select(*AuditEntry.__table__.c)
                .where(AuditEntry.chain == chain.name, AuditEntry.sequence > start)
                .where(AuditEntry.sequence <= start + _WINDOW)
                .where(or_(_is_of(person), *_mentions(names)))
            )
            rows = (await executor.execute(window)).mappings().all()
            erased = [_erased(row, person, names, pseudonym) for row in rows]
            if erased:
                await executor.execute(update(AuditEntry).execution_options(**SILENT), erased)
            count += len(erased)
    return count


def _is_of(person: str) -> ColumnElement[bool]:
    return or_(AuditEntry.actor_id == person, AuditEntry.target_id == person)


def _mentions(names: Collection[str]) -> list[ColumnElement[bool]]:
    """Whether an entry of somebody else names the person."""
    texts = (AuditEntry.before, AuditEntry.after, AuditEntry.detail)
    named = [AuditEntry.actor.in_(names), AuditEntry.subject.in_(names)]
    return named + [
        # In quotes: a name may be the beginning of another.
        cast(text, String).contains(f'"{name}"', autoescape=True)
        for name in names
        for text in texts
    ]


def _erased(row: Any, person: str, names: Collection[str], pseudonym: str) -> dict[str, Any]:
    actor, subject = parts_of(row)
    is_actor = row["actor_id"] == person or row["actor"] in names
    is_subject = row["target_id"] == person or row["subject"] in names
    if not is_actor and not is_subject:  # it is told of in the values
        is_actor = "detail" in (actor.value or {}) and row["detail"] is not None
        is_subject = not is_actor or bool(row["before"] or row["after"])
    kept = {name: row[name] for name in _ERASABLE}
    if is_actor and actor.value is not None:
        named = pseudonym if row["actor_id"] == person or row["actor"] in names else row["actor"]
        kept |= {"actor": named, "source_address": None, "actor_salt": None}
        kept["actor_commitment"] = actor.commitment
        kept["detail"] = None if "detail" in actor.value else kept["detail"]
    if is_subject and subject.value is not None:
        is_named = row["target_id"] == person or row["subject"] in names
        kept |= {"before": None, "after": None, "subject_salt": None}
        kept["subject"] = pseudonym if is_named else row["subject"]
        kept["subject_commitment"] = subject.commitment
        kept["detail"] = None if "detail" in subject.value else kept["detail"]
    return {"id": row["id"], **kept}


_ERASABLE: Final = (
    "actor", "source_address", "actor_salt", "actor_commitment",
    "subject", "before", "after", "detail", "subject_salt", "subject_commitment",
)  # fmt: skip
