"""Housekeeping of signing keys: what time alone brings, done within a minute.

Every replica does it; the rows are locked, so that one of them finds something to do and the others
nothing.
"""

import asyncio
from typing import Final

import structlog

from iam.errors import IamError
from iam.features.signing_keys.service import advance_keys
from iam.kit.ids import IdKind, new_id
from iam.models import MAIN_ACCOUNT
from iam.runtime import Runtime
from iam.work import Caller

INTERVAL_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


async def keep_advancing(runtime: Runtime) -> None:
    """Advance the keys again and again, until cancelled."""
    while True:
        try:
            await advance(runtime)
        except IamError as error:
            _log.warning("signing_keys_not_advanced", code=error.code)
        await asyncio.sleep(INTERVAL_SECONDS)


async def advance(runtime: Runtime) -> None:
    """Advance the keys once, as the account's root."""
    root = Caller.root(
        account=MAIN_ACCOUNT,
        partition=runtime.settings.partition,
        request_id=new_id(IdKind.REQUEST, runtime.clock.now()),
    )
    async with runtime.begin(root) as uow:
        await advance_keys(uow)
