"""Use cases of diagnostics."""

import asyncio
import shutil

from iam.authz.actions import Action
from iam.authz.authorize import authorize
from iam.features.diagnostics import queries, rules
from iam.features.diagnostics.rules import Diagnosis, Facts
from iam.journal import outbox
from iam.journal.chain_reading import read_backlog
from iam.journal.sources import latest_sources
from iam.kit import schema
from iam.models import MAIN_ACCOUNT
from iam.work import UnitOfWork


async def diagnose(uow: UnitOfWork) -> list[Diagnosis]:
    """Look at the whole installation; judged in `main`.

    Raises `IamError` of kind `denied`.
    """
    await authorize(uow, Action.GET_DIAGNOSTICS, uow.arn_of("iam", MAIN_ACCOUNT, "installation"))
    await uow.see_all_accounts()
    return list(rules.judge(await _read(uow)))


async def _read(uow: UnitOfWork) -> Facts:
    settings, database = uow.settings, uow.tools.database
    made, verified = await queries.read_backup(uow)
    jobs = await queries.read_jobs(uow)
    directory = settings.data_dir
    usage = await asyncio.to_thread(shutil.disk_usage, directory) if directory.exists() else None
    # Beside the transaction: the clock must not be that of its beginning.
    skew = None if database.is_sqlite else uow.tools.clock.now() - await database.time(beside=True)
    return Facts(
        now=uow.now,
        issuer=settings.issuer,
        addresses=await latest_sources(uow, limit=rules.SAMPLED),
        skew=skew,
        schema=await schema.current_revision(database, beside=True),
        head=schema.HEAD,
        backup_at=made,
        verified_at=verified,
        keys=await queries.read_keys(uow),
        rotation=settings.keys.rotation,
        publish_lead=settings.keys.publish_lead,
        mail_routes=await queries.count_mail_routes(uow),
        mail_fails_since=await queries.mail_fails_since(uow),
        settled_until=jobs.settled_until,
        unwell_jobs=jobs.unwell,
        outbox_since=await outbox.waiting_since(uow),
        dead=await queries.count_dead(uow),
        expiring=await queries.count_expiring(uow, within=rules.EXPIRY_NEAR),
        administrators=await queries.count_administrators(uow),
        unsealed_since=(await read_backlog(uow)).unsealed_since,
        disk_free=None if usage is None else usage.free,
    )
