"""A running installation for one test: real database, real application, callers with tokens."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import select
from starlette.types import ASGIApp

from iam.app import build_app
from iam.authz.gather import gather
from iam.features.guardrails.service import attach_full_access
from iam.features.installation.service import ensure_installation
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.snapshots import Signers
from iam.features.tokens.service import issue_access_token
from iam.jobs import Run
from iam.journal.events import EventType
from iam.kit import schema
from iam.kit.clock import ManualClock
from iam.kit.ids import IdKind, new_id
from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    SHIPPED_ACCOUNT,
    Account,
    AuditEntry,
    Group,
    GroupMembership,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    Principal,
    Service,
    User,
)
from iam.runtime import Runtime
from iam.settings import Settings
from iam.work import Caller, UnitOfWork
from iam.worker import JOBS
from iam.worker.runner import lease_of
from tests.hasty import hurry

ISSUER = "http://localhost:8080"
MASTER_KEY = b"\x07" * 32
HOUR = timedelta(hours=1)
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)

Statement = Mapping[str, Any]


def policy_document(*statements: Statement) -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, on: str = "*") -> Statement:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def deny(*actions: str, on: str = "*") -> Statement:
    """A statement that denies."""
    return {"Effect": "Deny", "Action": list(actions), "Resource": on}


@dataclass
class Actor:
    """A principal with a token, and a client that sends it."""

    id: str
    arn: str
    name: str
    account: str
    token: str
    http: httpx2.AsyncClient


@dataclass(frozen=True)
class Known:
    """What is known of an actor of a prepared database."""

    id: str
    arn: str
    name: str
    account: str
    token: str


@dataclass
class World:
    """One installation, as a test sees it."""

    runtime: Runtime
    clock: ManualClock
    app: ASGIApp
    http: httpx2.AsyncClient
    signers: Signers
    _count: int = field(default=0)

    @asynccontextmanager
    async def work(self, account: str | None = None) -> AsyncIterator[UnitOfWork]:
        """A unit of work of the account's root; by default that of `main`, seeing all accounts."""
        root = Caller.root(account=account or MAIN_ACCOUNT, partition="iam", request_id="test")
        async with self.runtime.begin(root) as uow:
            if account is None:
                await uow.see_all_accounts()
            yield uow

    async def administrator(self, account: str = MAIN_ACCOUNT, ttl: timedelta = HOUR) -> Actor:
        """A service in the group `administrators`, which is made if it is not there."""
        made = await self._actor(account=account, ttl=ttl)
        async with self.work(account) as uow:
            group = await self._administrators(uow, account)
            uow.add(
                GroupMembership(
                    group_id=group.id, principal_id=made.id, account=account, created_at=uow.now
                )
            )
            uow.emit(EventType.GROUP_MEMBER_ADDED, group)
        return made

    async def actor(
        self,
        *statements: Statement,
        name: str | None = None,
        account: str = MAIN_ACCOUNT,
        kind: type[User | Service] = Service,
    ) -> Actor:
        """A principal with one inline policy of these statements, or without any policy."""
        return await self._actor(*statements, name=name, account=account, kind=kind)

    def meet(self, known: Known) -> Actor:
        """An actor that the database was prepared with, and who counts as the first one here."""
        self._count += 1
        return Actor(**asdict(known), http=self.client(known.token))

    async def token_for(
        self, principal_id: str, *, audience: str = ISSUER, ttl: timedelta = HOUR
    ) -> str:
        """An access token that speaks for this principal."""
        async with self.work() as uow:
            return await self._token(uow, principal_id, audience=audience, ttl=ttl)

    async def advance(self, duration: timedelta) -> None:
        """Let time pass, as it does while a replica follows the change log.

        The clock alone would leave the replica without trust in its memory until the next poll,
        which comes some time within a quarter of a second.
        """
        self.clock.advance(duration)
        await self.runtime.changes.poll()

    async def run_job(self, name: str) -> Run:
        """Run a job of the installation once, now, under its lease; raises what it raises."""
        (job,) = [one for one in JOBS if one.name == name]
        async with self.runtime.leases.hold(lease_of(job.name)) as fence:
            assert fence is not None, "somebody else runs it"
            run = Run(self.runtime, id="run_test", job=job.name, slot=None, attempt=1, fence=fence)
            await job.run(run)
        return run

    async def account(self, name: str) -> str:
        """Another account."""
        async with self.work() as uow:
            row = Account(name=name, created_at=uow.now, updated_at=uow.now)
            uow.add(row)
            uow.emit(EventType.ACCOUNT_CREATED, row)
            await uow.flush()
            await attach_full_access(uow, account=name)
        return name

    def client(self, token: str | None = None) -> httpx2.AsyncClient:
        """A client of the application that sends this token."""
        return self.client_of(self.app, token)

    @staticmethod
    def client_of(app: ASGIApp, token: str | None = None) -> httpx2.AsyncClient:
        """A client of some other application."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx2.ASGITransport(app=app)
        return httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers=headers)

    async def events(self, *, account: str = MAIN_ACCOUNT) -> list[AuditEntry]:
        """The audit log of an account, oldest first, refusals included."""
        await self.runtime.tools.denials.flush()
        async with self.work(account) as uow:
            query = select(AuditEntry).where(AuditEntry.account == account)
            return list((await uow.scalars(query.order_by(AuditEntry.id))).all())

    async def _actor(
        self,
        *statements: Statement,
        name: str | None = None,
        account: str,
        kind: type[User | Service] = Service,
        ttl: timedelta = HOUR,
    ) -> Actor:
        self._count += 1
        name = name or f"actor-{self._count}"
        await self.signers.get(Purpose.ACCESS_TOKEN)  # the first time it takes a connection
        async with self.work(account) as uow:
            row = await self._principal(uow, kind, name, account)
            if statements:
                uow.add(_inline_policy(row, uow.now, statements))
            uow.emit(EventType(f"iam.{row.kind}.created.v1"), row)
            token = await self._token(uow, row.id, ttl=ttl)
            arn = uow.arn(row)
        return Actor(row.id, arn, name, account, token, self.client(token))

    async def _token(
        self, uow: UnitOfWork, principal_id: str, *, audience: str = ISSUER, ttl: timedelta = HOUR
    ) -> str:
        signer = await self.signers.get(Purpose.ACCESS_TOKEN)
        facts = await gather(uow, principal_id, partition="iam")
        assert facts is not None
        return await issue_access_token(
            uow, signer=signer, principal=facts, audience=audience, ttl=ttl
        )

    async def _principal(
        self, uow: UnitOfWork, kind: type[User | Service], name: str, account: str
    ) -> Principal:
        if kind is User:
            row: Principal = User(
                id=new_id(IdKind.USER, uow.now), account=account, name=name,
                created_at=uow.now, updated_at=uow.now,
            )  # fmt: skip
        else:
            group = await self._administrators(uow, account)
            row = Service(
                id=new_id(IdKind.SERVICE, uow.now), account=account, name=name,
                owner_group_id=group.id, created_at=uow.now, updated_at=uow.now,
            )  # fmt: skip
        uow.add(row)
        await uow.flush()
        return row

    async def _administrators(self, uow: UnitOfWork, account: str) -> Group:
        query = select(Group).where(Group.account == account, Group.name == ADMINISTRATORS)
        group: Group | None = await uow.scalar(query)
        if group is not None:
            return group
        group = Group(
            id=new_id(IdKind.GROUP, uow.now), account=account, name=ADMINISTRATORS,
            created_at=uow.now, updated_at=uow.now,
        )  # fmt: skip
        await uow.session.flush()
        uow.add(group)
        await uow.flush()
        policy = await uow.scalar(
            select(Policy).where(
                Policy.account == SHIPPED_ACCOUNT, Policy.name == "AdministratorAccess"
            )
        )
        uow.add(
            PolicyAttachment(
                id=new_id(IdKind.POLICY, uow.now),
                account=account,
                policy_id=policy.id,
                group_id=group.id,
                created_at=uow.now,
            )
        )
        uow.emit(EventType.GROUP_CREATED, group)
        return group


def _inline_policy(
    holder: Principal, now: datetime, statements: Sequence[Statement]
) -> InlinePolicy:
    return InlinePolicy(
        id=new_id(IdKind.POLICY, now),
        account=holder.account,
        name="test",
        document=policy_document(*statements),
        principal_id=holder.id,
        created_at=now,
        updated_at=now,
    )


@asynccontextmanager
async def open_world(
    database_url: str, directory: Path, *, starts: datetime = NOON, **overrides: Any
) -> AsyncIterator[World]:
    """Start an installation on a database that is prepared already, and stop it afterwards."""
    clock = ManualClock(starts)
    settings = make_settings(database_url, directory, **overrides)
    runtime = Runtime(settings, master_key=MASTER_KEY, clock=clock)
    hurry(runtime.database)
    app = build_app(runtime)
    await runtime.start()
    try:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            yield World(runtime, clock, app, http, Signers(runtime.tools))
    finally:
        await runtime.stop()


def make_settings(database_url: str, directory: Path, **overrides: Any) -> Settings:
    """Settings for a test; nothing comes from the environment but what a test sets."""
    # A race of fifty on a busy machine is to end by its rules, not by running out of time.
    patience = timedelta(minutes=1)
    given = {
        "issuer": ISSUER,
        "database_lock_timeout": patience,
        "database_statement_timeout": patience,
        **overrides,
    }
    return Settings(database_url=database_url, data_dir=directory, **given)


# Well before every test begins: within one instant, ids sort only in the process that minted
# them, and a process that has minted later ids keeps to their instant for a step of 10 s.
_INSTALLED = timedelta(minutes=-1)
_PEOPLED = timedelta(seconds=-30)


async def prepare(database_url: str, directory: Path) -> None:
    """Bring a database to the state in which every test begins."""
    settings = make_settings(database_url, directory)
    clock = ManualClock(NOON + _INSTALLED)
    runtime = Runtime(settings, master_key=MASTER_KEY, clock=clock)
    await schema.upgrade(runtime.database)
    root = Caller.root(account=MAIN_ACCOUNT, partition="iam", request_id="prepare")
    async with runtime.begin(root) as uow:
        await ensure_installation(uow)
    await runtime.stop()


async def prepare_administrator(database_url: str, directory: Path) -> Known:
    """Add an administrator, whose token holds for an hour from when a test begins."""
    async with open_world(database_url, directory, starts=NOON + _PEOPLED) as world:
        made = await world.administrator(ttl=HOUR - _PEOPLED)
    return Known(made.id, made.arn, made.name, made.account, made.token)
