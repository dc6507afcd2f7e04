"""Seals the audit log, copies what is sealed out of the database, and removes what is old."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from iam.errors import IamError, unavailable
from iam.features.audit_log.rules import SEALED_AFTER, Waiting, file_text
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.service import open_signing_key
from iam.jobs import Job, Run
from iam.journal.chain_upkeep import bury, mark_shipped, pack, remove_buried
from iam.journal.chains import SealTools, oldest_unsealed, read_heads, seal_next
from iam.journal.seal import CheckpointSigner
from iam.leases import OUTAGES, Fence
from iam.models import MAIN_ACCOUNT
from iam.runtime import Runtime
from iam.work import Caller, UnitOfWork

LEASE: Final = "audit-log"
"""Who holds it seals; there is one for each installation."""
POLL_SECONDS: Final = 1.0
SEALED_AT_ONCE: Final = 500
SHIPPED_AT_ONCE: Final = 100
SHIPPED_EVERY_SECONDS: Final = 60.0
"""How often copying out is tried when nothing new was sealed: after a failure, or by another."""
REMOVED_AT_ONCE: Final = 1_000
_JOB: Final = "seal-audit-log"
_PATIENCE: Final = 30
_ADVICE: Final = "see that IAM_AUDIT__CHECKPOINT_FILE can be written"

_log = structlog.get_logger(__name__)


async def keep_sealed(runtime: Runtime) -> None:
    """Seal and copy out what waits, until cancelled: every 60 seconds, or for 1,000 entries.

    The first time at once, so that there is a key to ask for, and nothing waits over a restart.
    """
    loop = asyncio.get_running_loop()
    waiting, ships_at, is_first = Waiting(), loop.time(), True
    while True:
        try:
            waiting = await _look(runtime, waiting, at=loop.time())
            if (is_first or waiting.is_due(at=loop.time())) and await seal(runtime):
                ships_at = min(ships_at, loop.time())
            is_first = False
        except (IamError, *OUTAGES) as error:
            _log.warning("audit_log_unsealed", error=_name(error))
        if loop.time() >= ships_at:
            ships_at = loop.time() + SHIPPED_EVERY_SECONDS
            try:
                await ship(runtime)
            except (IamError, *OUTAGES) as error:
                _log.error("audit_log_unshipped", error=_name(error), advice=_ADVICE)
        await asyncio.sleep(POLL_SECONDS)


async def _look(runtime: Runtime, waiting: Waiting, *, at: float) -> Waiting:
    async with _work(runtime, read_only=True) as uow:
        oldest = await oldest_unsealed(uow)
        many = oldest and await oldest_unsealed(uow, skip=SEALED_AFTER - 1)
    return waiting.seen(oldest, are_many=many is not None, at=at)


def _name(error: BaseException) -> str:
    name: str = getattr(error, "code", type(error).__name__)
    return name


async def seal(runtime: Runtime) -> int:
    """Seal all that waits, unless another process does; returns how many entries there were."""
    async with runtime.leases.hold(LEASE) as fence:
        if fence is None:
            return 0
        tools = await _tools(runtime, fence)
        count, found = 0, SEALED_AT_ONCE
        while found == SEALED_AT_ONCE:
            async with _work(runtime, fence=fence) as uow:
                found = await seal_next(
                    uow, tools, limit=SEALED_AT_ONCE, now=uow.now,
                    is_sqlite=runtime.database.is_sqlite,
                )  # fmt: skip
            count += found
            await asyncio.sleep(0)  # requests go first
    return count


async def ship(runtime: Runtime) -> int:
    """Append what is sealed to the file outside of the database; returns how many checkpoints.

    At least once: what was written and could not be marked is written again.
    """
    file = runtime.settings.audit.checkpoint_file
    if file is None:
        return 0
    count = 0
    async with runtime.leases.hold(f"{LEASE}/shipping") as fence:
        while fence is not None:
            async with _work(runtime, read_only=True) as uow:
                parcel = await pack(uow, limit=SHIPPED_AT_ONCE)
            if not parcel.checkpoints:
                break
            text = file_text(parcel.lines, is_torn=await asyncio.to_thread(_is_torn, file))
            await asyncio.to_thread(_append, file, text)
            async with _work(runtime, fence=fence) as uow:
                await mark_shipped(uow, parcel.checkpoints, now=uow.now)
            count += len(parcel.checkpoints)
    return count


async def prune(run: Run) -> None:
    """Remove what is older than the retention, and sign that it was there."""
    runtime = run.runtime
    async with _turn(runtime) as fence:
        tools = await _tools(runtime, fence)
        before = runtime.clock.now() - runtime.settings.audit.retention
        is_shipped = runtime.settings.audit.checkpoint_file is not None
        async with run.begin(read_only=True) as uow:
            await uow.see_all_accounts()
            heads = await read_heads(uow)
        for head in heads:
            async with run.begin() as uow:
                await uow.see_all_accounts()
                await bury(uow, tools, head, before=before, now=uow.now, is_shipped=is_shipped)
    removed = REMOVED_AT_ONCE
    while removed == REMOVED_AT_ONCE:
        async with run.begin() as uow:
            await uow.see_all_accounts()
            removed = await remove_buried(uow, limit=REMOVED_AT_ONCE)
        run.progress(run.done + removed)


JOBS: Final = (
    Job(
        "prune-audit-log",
        "Removes audit entries that are older than the retention, under a signed tombstone",
        "40 3 * * *",
        prune,
    ),
)


@asynccontextmanager
async def _turn(runtime: Runtime) -> AsyncIterator[Fence]:
    """The lease of who seals, as soon as nobody else has it."""
    for _ in range(_PATIENCE):
        async with runtime.leases.hold(LEASE) as fence:
            if fence is not None:
                yield fence
                return
        await asyncio.sleep(POLL_SECONDS)
    raise unavailable("audit_log_busy", "the audit log is being sealed; try again")


async def _tools(runtime: Runtime, fence: Fence) -> SealTools:
    async with _work(runtime, fence=fence) as uow:
        key = await open_signing_key(uow, purpose=Purpose.AUDIT_LOG)
    return SealTools(
        issuer=runtime.settings.issuer,
        signer=CheckpointSigner(kid=key.kid, private_der=key.private_der),
        job=_caller(runtime).arn,
        randomness=os.urandom,
    )


@asynccontextmanager
async def _work(
    runtime: Runtime, *, read_only: bool = False, fence: Fence | None = None
) -> AsyncIterator[UnitOfWork]:
    async with runtime.begin(_caller(runtime), read_only=read_only, fence=fence) as uow:
        await uow.see_all_accounts()
        yield uow


def _caller(runtime: Runtime) -> Caller:
    partition = runtime.settings.partition
    return Caller.of_job(_JOB, account=MAIN_ACCOUNT, partition=partition, run_id=_JOB)


def _is_torn(file: Path) -> bool:
    """Whether the last line of a file has no end, as a crash leaves it."""
    try:
        with file.open("rb") as opened:
            if not opened.seek(0, os.SEEK_END):
                return False
            opened.seek(-1, os.SEEK_END)
            return opened.read(1) != b"\n"
    except FileNotFoundError:
        return False


def _append(file: Path, text: str) -> None:
    """Append to a file that only our own user may read; durable when this returns."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
