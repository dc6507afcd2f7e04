"""The unit of work: one transaction, its caller, and what it will tell the journal."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Delete, Executable, Result, ScalarResult, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from iam.errors import IamError
from iam.journal.change_log_postgresql import CHANNEL
from iam.journal.changes import ChangeReader
from iam.journal.denials import DenialWriter
from iam.journal.denied_questions import DeniedQuestions
from iam.journal.events import AUDITED, Event, EventType
from iam.journal.record import Recorder, RowChange
from iam.journal.write import Author, journal_rows, touched_entities
from iam.kit.clock import Clock
from iam.kit.database import Database
from iam.kit.pages import Cursors
from iam.kit.row_security import ALL_ACCOUNTS, narrowed
from iam.kit.sealing import Sealer
from iam.leases import Fence, check_fence
from iam.models import Account, Base, Credential, Installation, Principal, ResourcePolicy
from iam.settings import Settings
from iam.work.caller import Caller
from iam.work.gate import close_gate, hold_account, hold_all_accounts
from iam.work.outages import contradiction, database_errors

Row = TypeVar("Row", bound=Base)

_AUDITED_TABLES = frozenset(model.__tablename__ for model in AUDITED)
# Whoever changes one of these may be taking rights away: no issuance may overlap.
_GUARDED_TABLES = frozenset(
    model.__tablename__ for model in (Account, Credential, Installation, Principal)
)


@dataclass(slots=True, kw_only=True)
class Tools:
    """What every unit of work needs and the runtime builds once."""

    settings: Settings
    clock: Clock
    database: Database
    sealer: Sealer
    cursors: Cursors
    changes: ChangeReader
    denials: DenialWriter
    denied_questions: DeniedQuestions


class Asked(NamedTuple):
    """One question that authorized this work, as it was put to the engine."""

    action: str
    resource: str
    context: Mapping[str, Any]


@dataclass(slots=True)
class Journalled:
    """What the steps of a unit of work have told the journal so far.

    Attributes:
        events: What happened.
        changes: What changed with it.
        entities: The entity ids whose snapshots are stale by that.
        rows: What they owe to the audit log, the outbox and the change log; written at the end,
            all at once.
        callers_facts: What was read of the caller, and how many entities were told of then.
    """

    events: list[Event] = field(default_factory=list)
    changes: list[RowChange] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    rows: list[Base] = field(default_factory=list)
    callers_facts: tuple[Any, int] | None = None


@dataclass(slots=True)
class UnitOfWork:
    """One transaction, its caller, and what it will tell the journal.

    Service functions take it as their first argument.
    """

    tools: Tools
    caller: Caller
    now: datetime
    read_only: bool
    session: AsyncSession = field(repr=False)
    recorder: Recorder = field(repr=False)
    events: list[Event] = field(default_factory=list)
    authorized: list[Asked] = field(default_factory=list)
    decision_id: str | None = None
    held: set[str] = field(default_factory=set)
    journalled: Journalled = field(default_factory=Journalled)
    fence: Fence | None = None

    @property
    def settings(self) -> Settings:
        """The knobs."""
        return self.tools.settings

    @property
    def all_events(self) -> list[Event]:
        """What happened so far, in this step and those before it."""
        return [*self.journalled.events, *self.events]

    @property
    def all_changes(self) -> list[RowChange]:
        """What changed so far, in this step and those before it."""
        return [*self.journalled.changes, *self.recorder.changes]

    @property
    def is_between_steps(self) -> bool:
        """Whether everything that was changed so far has been told to the journal."""
        session = self.session
        return not (session.new or session.dirty or session.deleted or self.recorder.changes)

    def arn(self, row: Any) -> str:
        """The ARN of a row that has `arn_service`, `account` and `arn_resource`."""
        if isinstance(row, ResourcePolicy):
            return row.arn
        return self.arn_of(row.arn_service, row.account, row.arn_resource)

    def arn_of(self, service: str, account: str, resource: str) -> str:
        """An ARN of this installation's partition. Our own resources have no region."""
        return f"arn:{self.settings.partition}:{service}::{account}:{resource}"

    async def see_all_accounts(self) -> None:
        """See and change rows of every account from here on, not only the caller's.

        For two alone: a caller of `main` who is authorized to look after accounts, or the server
        itself where its work spans them. On SQLite nothing was hidden, and nothing happens.
        """
        await self._see(ALL_ACCOUNTS)

    async def see_own_account(self) -> None:
        """See and change rows of the caller's account alone, as units of work begin."""
        await self._see(self.caller.account)

    async def _see(self, account: str) -> None:
        if not self.tools.database.is_sqlite:
            await self.session.execute(select(narrowed(account)))

    async def hold_account(self, account: str) -> None:
        """Keep other changes out of this account until the end; waits for one that is under way.

        What is read afterwards is what holds at the commit: nobody can take the right to it away
        in between (PE-32). A unit of work that only reads holds nothing; on SQLite one that may
        write is alone anyway.
        """
        if self.read_only or account in self.held:
            return
        self.held.add(account)
        if not self.tools.database.is_sqlite:
            await hold_account(self.session, account)

    async def hold_all_accounts(self) -> None:
        """The same for every account at once: for who changes guardrails, and holds `main`."""
        if not self.tools.database.is_sqlite:
            await hold_all_accounts(self.session)

    async def get(self, kind: type[Row], key: Any) -> Row | None:
        """The row with this primary key, if there is one; on SQLite whatever its account."""
        return await self.session.get(kind, key)

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row of a query, or `None`."""
        return await self.session.scalar(statement)

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        """The first column of every row of a query."""
        return await self.session.scalars(statement)

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        """Run a query, or a Core INSERT, UPDATE or DELETE on a table that is not audited.

        Audited rows change one by one through the session, where their change is recorded.
        """
        table = getattr(statement, "table", None)
        is_change = getattr(statement, "is_dml", False)
        if is_change and getattr(table, "name", None) in _AUDITED_TABLES:
            raise RuntimeError("an audited row must be changed through the session")
        return await self.session.execute(statement, parameters)

    async def remove(self, statement: Delete) -> int:
        """Delete rows of a table that is not audited; returns how many there were."""
        result = await self.execute(statement)
        return int(getattr(result, "rowcount", 0))

    def add(self, row: Base) -> None:
        """Insert a row with the next flush."""
        self.session.add(row)

    async def insert(self, row: Base, *, taken: IamError) -> None:
        """Insert a row now. Raises `taken` when a unique or foreign key forbids it."""
        self.session.add(row)
        await self.flush(conflicting=taken)

    async def delete(self, row: Base, *, in_use: IamError | None = None) -> None:
        """Delete a row now. Raises `in_use` when a foreign key forbids it."""
        await self.session.delete(row)
        await self.flush(conflicting=in_use)

    async def flush(self, *, conflicting: IamError | None = None) -> None:
        """Write what is pending, so that a broken constraint speaks here and not at the commit."""
        try:
            await self.session.flush()
        except IntegrityError:
            raise conflicting or contradiction() from None

    def emit(
        self,
        event_type: EventType,
        row: Any,
        *,
        target_id: str | None = None,
        **detail: Any,
    ) -> None:
        """Say what happened to the entity `row`; the journal adds who, when, before and after."""
        event = Event(
            type=event_type,
            account=row.account,
            subject=self.arn(row),
            target_id=target_id or row.id,
            detail=detail,
        )
        self.emit_event(event)

    def emit_event(self, event: Event) -> None:
        """Say what happened when there is no row to speak for it."""
        self.events.append(event)

    async def end_step(self) -> None:
        """Account for what was done so far: what follows is another change, in the same commit.

        Of one thing there is exactly one event a step. Several changes of it, each with an event of
        its own, are as many steps.
        """
        await self.flush()
        _journal(self)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may be rolled back alone, its events and recorded changes with it."""
        kept = list(self.events)
        try:
            # Flush first: what was pending before belongs to the outer transaction.
            await self.session.flush()
            with self.recorder.savepoint():
                async with self.session.begin_nested():
                    yield
        except BaseException:
            self.events = kept
            raise


@asynccontextmanager
async def begin_work(
    tools: Tools, caller: Caller, *, read_only: bool = False, fence: Fence | None = None
) -> AsyncIterator[UnitOfWork]:
    """Begin a unit of work; leaving the block commits, an exception rolls back.

    With a `fence` it commits only as long as the lease is held under it.

    Raises `IamError` of kind `unavailable` when the database does not answer, and of kind
    `conflict` when somebody else changed the same thing meanwhile; `LeaseLostError` is one.
    """
    with database_errors():
        async with tools.database.connect(writes=not read_only) as connection:
            session = AsyncSession(bind=connection, expire_on_commit=False)
            async with session:
                uow = UnitOfWork(
                    tools=tools,
                    caller=caller,
                    now=tools.clock.now(),
                    read_only=read_only,
                    session=session,
                    recorder=Recorder(session.sync_session),
                    fence=fence,
                )
                # Who is still to prove who they are is narrowed by what proves it.
                if caller.account:
                    await uow.see_own_account()
                yield uow
                await _finish(uow)


async def _finish(uow: UnitOfWork) -> None:
    if uow.read_only:
        _check_unchanged(uow)
        return
    try:
        await uow.session.flush()
    except IntegrityError:
        raise contradiction() from None
    _journal(uow)
    told = uow.journalled
    uow.session.add_all(told.rows)
    await uow.session.flush()
    if told.entities and not uow.tools.database.is_sqlite:
        await _announce(uow)
    if uow.fence is not None:
        await check_fence(uow.session, uow.fence, is_sqlite=uow.tools.database.is_sqlite)
    await uow.session.commit()
    uow.tools.changes.apply(told.entities)


def _journal(uow: UnitOfWork) -> None:
    """Turn events and recorded changes into rows, and begin anew with both."""
    changes = uow.recorder.changes
    rows = journal_rows(events=uow.events, changes=changes, author=_author(uow), now=uow.now)
    told = uow.journalled
    told.rows += rows
    told.entities += touched_entities(rows)
    told.events += uow.events
    told.changes += changes
    uow.events.clear()
    uow.recorder.forget()


def _check_unchanged(uow: UnitOfWork) -> None:
    session = uow.session
    if session.new or session.dirty or session.deleted or uow.events or uow.recorder.changes:
        raise RuntimeError("a unit of work that only reads has changed something")


def _author(uow: UnitOfWork) -> Author:
    caller = uow.caller
    return Author(
        arn=caller.arn,
        id=caller.id,
        request_id=caller.request_id,
        address=caller.address,
        decision_id=uow.decision_id,
    )


async def _announce(uow: UnitOfWork) -> None:
    """PostgreSQL only: wake the other replicas, and wait for issuance that is under way."""
    await uow.session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    if any(map(_may_take_away, uow.journalled.changes)):
        await close_gate(uow.session)


def _may_take_away(change: RowChange) -> bool:
    return change.table in _GUARDED_TABLES and change.before is not None
