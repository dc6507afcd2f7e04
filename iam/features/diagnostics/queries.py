"""What a diagnosis needs to know. Whoever reads sees all accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import desc, func, or_, select
from sqlalchemy.orm import aliased

from iam.features.diagnostics.rules import Key
from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    Backup,
    Credential,
    CredentialStatus,
    Delivery,
    DeliveryChannel,
    DeliveryState,
    Group,
    GroupMembership,
    Job,
    JobRun,
    MailRoute,
    Principal,
    PrincipalStatus,
    RunStatus,
    SigningKey,
    SigningKeyState,
)
from iam.work import UnitOfWork

_WELL = (RunStatus.SUCCEEDED, RunStatus.QUEUED, RunStatus.RUNNING)


async def read_keys(uow: UnitOfWork) -> Mapping[str, Key]:
    """The signing keys, by purpose."""
    rows: Sequence[SigningKey] = (await uow.scalars(select(SigningKey))).all()
    return {
        purpose: _key([row for row in rows if row.purpose == purpose])
        for purpose in sorted({row.purpose for row in rows})
    }


def _key(rows: Sequence[SigningKey]) -> Key:
    active = [row.activated_at for row in rows if row.state == SigningKeyState.ACTIVE]
    return Key(
        active_since=next(iter(active), None),
        has_prepared=any(row.state == SigningKeyState.PREPARED for row in rows),
        tainted_at=max((row.tainted_at for row in rows if row.tainted_at), default=None),
    )


async def read_backup(uow: UnitOfWork) -> tuple[datetime | None, datetime | None]:
    """When the newest backup was made, and when one was last restored on trial."""
    query = select(func.max(Backup.created_at), func.max(Backup.verified_at))
    row: Any = (await uow.execute(query)).one()
    return row[0], row[1]


async def count_mail_routes(uow: UnitOfWork) -> int:
    """How many SMTP servers are named, in all accounts."""
    found: int = await uow.scalar(select(func.count()).select_from(MailRoute))
    return found


async def mail_fails_since(uow: UnitOfWork) -> datetime | None:
    """Since when no mail of some account gets out."""
    query = select(func.min(DeliveryChannel.failing_since)).where(DeliveryChannel.kind == "mail")
    found: datetime | None = await uow.scalar(query)
    return found


@dataclass(frozen=True, slots=True)
class Jobs:
    """How the schedule is kept.

    Attributes:
        settled_until: How far, by the job that is furthest.
        unwell: The status of the last run of those whose last run was in vain.
    """

    settled_until: datetime | None
    unwell: Mapping[str, str]


async def read_jobs(uow: UnitOfWork) -> Jobs:
    """Enabled jobs, and how the last run of each went."""
    run = aliased(JobRun)
    newest = (
        select(run.id)
        .where(run.job == Job.name, run.status != RunStatus.MISSED)
        .order_by(desc(run.id))
        .limit(1)
        .correlate(Job)
        .scalar_subquery()
    )
    query = (
        select(Job.name, Job.settled_until, JobRun.status)
        .outerjoin(JobRun, JobRun.id == newest)
        .where(Job.is_enabled)
    )
    rows = (await uow.execute(query)).all()
    settled = max((row.settled_until for row in rows), default=None)
    return Jobs(settled, {row.name: row.status for row in rows if row.status not in (None, *_WELL)})


async def count_dead(uow: UnitOfWork) -> int:
    """How many deliveries have died and were not replayed."""
    query = select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DEAD)
    found: int = await uow.scalar(query)
    return found


async def count_expiring(uow: UnitOfWork, *, within: timedelta) -> int:
    """How many live credentials end within that time, in all accounts."""
    query = (
        select(func.count())
        .select_from(Credential)
        .where(
            Credential.status == CredentialStatus.ACTIVE,
            Credential.expires_at > uow.now,
            Credential.expires_at <= uow.now + within,
        )
    )
    found: int = await uow.scalar(query)
    return found


async def count_administrators(uow: UnitOfWork) -> int:
    """How many can administer `main`: active members of the group with a live credential."""
    query = (
        select(func.count(func.distinct(Principal.id)))
        .join(GroupMembership, GroupMembership.principal_id == Principal.id)
        .join(Group, Group.id == GroupMembership.group_id)
        .join(Credential, Credential.principal_id == Principal.id)
        .where(
            Group.account == MAIN_ACCOUNT,
            Group.name_key == ADMINISTRATORS,
            Principal.account == MAIN_ACCOUNT,
            Principal.status == PrincipalStatus.ACTIVE,
            Credential.status == CredentialStatus.ACTIVE,
            or_(Credential.expires_at.is_(None), Credential.expires_at > uow.now),
        )
    )
    found: int = await uow.scalar(query)
    return found
