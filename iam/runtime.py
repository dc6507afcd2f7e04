"""What lives as long as the process: settings, database, keys, caches; and how work begins on it.

Built once by a door, from settings and a master key; started and stopped with the process.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import structlog

from iam.authz.administrators import keep_administrable
from iam.authz.authenticate import BearerAuthenticator
from iam.authz.keys import PublishedKeys
from iam.authz.snapshots import PrincipalSnapshots, SurroundingSnapshots
from iam.journal.changes import ChangeReader, Snapshots
from iam.journal.denials import DenialWriter
from iam.journal.denied_questions import DeniedQuestions
from iam.journal.events import master_key_in
from iam.kit.clock import Clock, SystemClock
from iam.kit.database import Database
from iam.kit.ids import IdKind, new_id
from iam.kit.loop_lag import LoopLag
from iam.kit.metrics import Metrics
from iam.kit.outbound import Outbound
from iam.kit.pages import Cursors
from iam.kit.sealing import Reread, Sealer
from iam.kit.spans import Span, SpanKind
from iam.kit.turns import Turns
from iam.leases import Fence, Leases
from iam.models import MAIN_ACCOUNT, MasterKeyState
from iam.settings import Settings
from iam.work import Caller, LedgerBatch, Tools, UnitOfWork, begin_work
from iam.work.uses import CredentialUses

_ACTIVE_KEY: Final = master_key_in(MasterKeyState.ACTIVE, "")
if TYPE_CHECKING:
    from iam.kit.tracing import Tracer

_ROLE_ADVICE: Final = "let a role serve that owns the database and is no superuser"

_log = structlog.get_logger(__name__)


class _CurrentMasterKey:
    """Follows, by the change log, which master key seals.

    Whoever misses a change goes on with the key before, which opens as well: a job seals that anew.
    """

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def invalidate(self, entity_id: str) -> None:
        """Something has changed; if it is the active key, seal with the new one."""
        _, is_ours, key_id = entity_id.partition(_ACTIVE_KEY)
        if is_ours and not self._sealer.use(key_id):
            _log.error("master_key_missing", key_id=key_id, advice="give it to this replica")

    def clear(self) -> None:
        """Whatever seals now, opens."""


class Runtime:
    """The long-lived parts of one process, wired."""

    def __init__(
        self,
        settings: Settings,
        *,
        master_key: bytes,
        older: Sequence[bytes] = (),
        reread: Reread | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        database = Database(
            settings.effective_database_url,
            pool_size=settings.database_pool,
            lock_timeout=settings.database_lock_timeout,
            statement_timeout=settings.database_statement_timeout,
        )
        sealer = Sealer(master_key, older=older, reread=reread)
        changes = ChangeReader(database, clock)
        self.tools = Tools(
            settings=settings,
            clock=clock,
            database=database,
            sealer=sealer,
            cursors=Cursors(*sealer.subkeys("cursors")),
            changes=changes,
            denials=DenialWriter(database, clock),
            denied_questions=DeniedQuestions(database),
        )
        self.turns = Turns(settings.database_pool, patience=settings.database_statement_timeout)
        self.uses = CredentialUses(database)
        self.ledger = LedgerBatch(database)
        self.leases = Leases(database, length=settings.jobs.lease)
        self.outbound = Outbound(
            allow=settings.outbound_allow,
            ca_bundle=settings.ca_bundle,
            allow_http=settings.allow_http_internal,
        )
        self.is_draining = False
        """Whether this process was told to stop; it answers, and says that it is not ready."""
        self.metrics = Metrics() if settings.metrics.enabled else None
        self.tracer = _tracer(settings, database, self.outbound)
        self.loop_lag = LoopLag()
        self.keys = PublishedKeys(database)
        self.principals = PrincipalSnapshots(database, partition=settings.partition)
        self.surroundings = SurroundingSnapshots(
            database, self.principals, partition=settings.partition
        )
        self.authenticator = BearerAuthenticator(self.keys, settings.issuer)
        self._subscribe(_CurrentMasterKey(sealer))

    def _subscribe(self, *first: Snapshots) -> None:
        own: list[Snapshots] = [self.keys.cache, self.principals.cache, self.principals.ids]
        for cache in (*first, *own, *self.surroundings.caches):
            self.changes.subscribe(cache)

    @property
    def settings(self) -> Settings:
        """The knobs."""
        return self.tools.settings

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.tools.clock

    @property
    def database(self) -> Database:
        """The database."""
        return self.tools.database

    @property
    def changes(self) -> ChangeReader:
        """Follows the change log; snapshots subscribe to it."""
        return self.tools.changes

    async def start(self) -> None:
        """Begin the background tasks. The schema must be up to date."""
        bypass = await self.database.row_security_bypass()
        if bypass is not None:
            _log.warning("row_security_bypassed", reason=bypass, advice=_ROLE_ADVICE)
        if not self.database.is_sqlite:  # that one has no clock but the machine's
            self.clock.heed(await self.database.time())
        await self.changes.start()
        await self.tools.denials.start()
        await self.tools.denied_questions.start()
        await self.ledger.start()
        await self.uses.start()
        self.loop_lag.start()
        if self.tracer is not None:
            await self.tracer.start()

    async def stop(self) -> None:
        """End the background tasks, writing what waits, and close the database."""
        self.loop_lag.stop()
        await self.uses.stop()
        await self.ledger.stop()
        await self.tools.denied_questions.stop()
        await self.tools.denials.stop()
        await self.changes.stop()
        if self.tracer is not None:
            await self.tracer.stop()
        await self.outbound.aclose()
        await self.database.close()

    def traced(self, name: str, kind: SpanKind) -> AbstractContextManager[Span | None]:
        """The first span of a trace; nothing, where traces are off."""
        return nullcontext() if self.tracer is None else self.tracer.begin(name, kind)

    @asynccontextmanager
    async def begin(
        self, caller: Caller, *, read_only: bool = False, fence: Fence | None = None
    ) -> AsyncIterator[UnitOfWork]:
        """Begin a unit of work: leaving the block commits, an exception rolls back.

        With a `fence` it commits only as long as the lease is held under it.

        Raises `IamError` of kind `conflict` when an account would lose its last administrator.
        """
        async with begin_work(self.tools, caller, read_only=read_only, fence=fence) as uow:
            yield uow
            await keep_administrable(uow)

    @asynccontextmanager
    async def begin_as_root(
        self, account: str = MAIN_ACCOUNT, *, read_only: bool = False
    ) -> AsyncIterator[UnitOfWork]:
        """Begin a unit of work of the account's root: what the server does by itself."""
        root = Caller.root(
            account=account,
            partition=self.settings.partition,
            request_id=new_id(IdKind.REQUEST, self.clock.now()),
        )
        async with self.begin(root, read_only=read_only) as uow:
            yield uow


def _tracer(settings: Settings, database: Database, outbound: Outbound) -> "Tracer | None":
    if settings.tracing.endpoint is None:
        return None
    # Imported here: who traces nothing must not wait for it.
    from iam.kit.traced_statements import trace_statements
    from iam.kit.tracing import Tracer

    for engine in database.engines:
        trace_statements(engine)
    return Tracer(settings.tracing, outbound)
