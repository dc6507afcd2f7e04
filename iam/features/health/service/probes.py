"""Whether this replica can serve: cheap enough for anybody to ask, and in full for operators."""

import asyncio
import shutil
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.errors import IamError
from iam.features.health import rules
from iam.features.health.rules import Check, Grade
from iam.features.health.service.clock_watch import ClockWatch
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.snapshots import Signers
from iam.journal import outbox
from iam.journal.changes import TRUST_SECONDS
from iam.kit import schema
from iam.kit.loop_lag import LoopLag
from iam.models import MAIN_ACCOUNT
from iam.work import Tools, UnitOfWork

LAG_SECONDS: Final = rules.LAG_SECONDS
_OUTAGES: Final = (IamError, SQLAlchemyError, OSError, TimeoutError)

_log = structlog.get_logger(__name__)


class Probes:
    """Looks at one replica."""

    def __init__(self, tools: Tools, signers: Signers, lag: LoopLag) -> None:
        self._tools = tools
        self._signers = signers
        self._lag = lag
        self.watch = ClockWatch(tools, self.is_fit)

    async def is_ready(self) -> bool:
        """Whether requests should come here. What is missing goes to the log, not to who asks."""
        checks = await self.look()
        for check in checks:
            if check.grade is Grade.FAILED:
                _log.warning("not_ready", check=check.name, reason=check.reason)
        return rules.is_ready(checks)

    async def is_fit(self) -> bool:
        """The same but for the clock."""
        return rules.is_ready(await self._look_beside_clock())

    async def look(self) -> list[Check]:
        """Look at all that can make us unfit."""
        watch = self.watch
        clock = rules.judge_clock(watch.skew, is_other_in_step=watch.is_other_in_step)
        return [*await self._look_beside_clock(), clock]

    async def look_closely(self, uow: UnitOfWork) -> list[Check]:
        """Look at everything, for who may know.

        Raises `IamError` of kind `denied`.
        """
        await authorize(uow, Action.READ_HEALTH, uow.arn_of("iam", MAIN_ACCOUNT, "installation"))
        await uow.see_all_accounts()
        since = await outbox.waiting_since(uow)
        age = 0.0 if since is None else (uow.now - since).total_seconds()
        directory = uow.settings.data_dir
        usage = await asyncio.to_thread(shutil.disk_usage, directory if directory.exists() else ".")
        return [*await self.look(), rules.judge_outbox(age), rules.judge_disk(usage.free)]

    async def _look_beside_clock(self) -> list[Check]:
        staleness = self._tools.changes.staleness
        return [
            await self._database(),
            await self._keys(),
            rules.judge_snapshots(staleness, trusted=TRUST_SECONDS),
            rules.judge_loop(self._lag.worst, limit=LAG_SECONDS),
        ]

    async def _database(self) -> Check:
        """The database answers, and has our schema."""
        database = self._tools.database
        try:
            await database.ping()
            found = await schema.current_revision(database)
        except _OUTAGES as error:
            return Check("database", Grade.FAILED, type(error).__name__)
        if not schema.serves(found):
            reason = f"expected schema {schema.HEAD}, found {found}"
            return Check("migrations", Grade.FAILED, reason)
        return Check("database")

    async def _keys(self) -> Check:
        """A key signs."""
        try:
            await self._signers.get(Purpose.ACCESS_TOKEN)
        except _OUTAGES as error:
            return Check("keys", Grade.FAILED, type(error).__name__)
        return Check("keys")
