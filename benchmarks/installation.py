"""A seeded installation: 1,000 clients with secrets, ten policies each, an administrator."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from benchmarks.load import Target
from benchmarks.processes import free_port, serving
from iam.features.installation.service import bootstrap, ensure_installation
from iam.journal.events import EventType
from iam.kit import schema
from iam.kit.ids import IdKind, new_id
from iam.kit.sealing import create_master_key
from iam.kit.secrets import SecretKind, mint_secret
from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    Credential,
    CredentialKind,
    Group,
    GroupMembership,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Service,
    ServiceAudience,
    User,
)
from iam.runtime import Runtime
from iam.settings import Settings
from iam.work import Caller, UnitOfWork

CLIENTS: Final = 1000
VICTIMS: Final = 200
"""Clients like the others, which a benchmark may spoil."""
USERS: Final = 100
POLICIES: Final = 10
ISSUER: Final = "http://127.0.0.1:8080"
BILLING: Final = "arn:iam:iam::main:service/billing"
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Client:
    """A service with a client secret."""

    id: str
    name: str
    secret: str
    credential_id: str


@dataclass(frozen=True, slots=True)
class Installation:
    """A prepared database, and who is in it.

    Attributes:
        directory: The data directory, with the master key.
        database_url: The database.
        administrator: May do everything.
        billing: The service that the clients call, and that asks for decisions about them.
        clients: Services that have the ten policies through one group.
        victims: As many more as a benchmark may spoil.
        users: Ids of users.
    """

    directory: Path
    database_url: str
    administrator: Client
    billing: Client
    clients: list[Client]
    victims: list[Client]
    users: list[str]

    @contextmanager
    def served(self, **settings: str) -> Iterator[Target]:
        """A process of `iam serve` on this installation, with these settings besides."""
        port = free_port()
        environment = {**self.environment, **settings, "IAM_PORT": str(port)}
        log = self.directory / f"server-{port}.log"
        with serving(["iam", "serve"], port, environment=environment, log=log) as target:
            yield target

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server of this installation, but for its port."""
        return {
            "IAM_DATABASE_URL": self.database_url,
            "IAM_DATA_DIR": str(self.directory),
            "IAM_MASTER_KEY_FILE": str(self.directory / "master.key"),
            "IAM_ISSUER": ISSUER,
        }


def prepare(database_url: str, directory: Path) -> Installation:
    """Make an installation in an empty database."""
    return asyncio.run(_prepare(database_url, directory))


async def _prepare(database_url: str, directory: Path) -> Installation:
    master_key = create_master_key(directory / "master.key")
    settings = Settings(database_url=database_url, data_dir=directory, issuer=ISSUER)
    runtime = Runtime(settings, master_key=master_key)
    root = Caller.root(account=MAIN_ACCOUNT, partition="iam", request_id="prepare")
    try:
        await schema.upgrade(runtime.database)
        async with runtime.begin(root) as uow:
            await ensure_installation(uow)
        async with runtime.begin(root) as uow:
            first = await bootstrap(uow, service="administrator")
            owners = await uow.scalar(select(Group).where(Group.name == ADMINISTRATORS))
            employees = await _add_employees(uow)
        clients: list[Client] = []
        for start in range(0, CLIENTS + VICTIMS, _AT_ONCE):
            async with runtime.begin(root) as uow:
                numbers = range(start, start + _AT_ONCE)
                clients += await _add_clients(uow, numbers, owners.id, employees)
        async with runtime.begin(root) as uow:
            users = await _add_users(uow)
            billing = await _add_billing(uow, owners.id)
    finally:
        await runtime.database.close()
    administrator = Client(first.client_id, "administrator", first.client_secret, "")
    return Installation(
        directory, database_url, administrator, billing, clients[:CLIENTS], clients[CLIENTS:], users
    )


async def _add_employees(uow: UnitOfWork) -> str:
    """A group with ten policies, the last of which allows what the benchmark asks for."""
    group = Group(
        id=new_id(IdKind.GROUP, uow.now), account=MAIN_ACCOUNT, name="clients",
        created_at=uow.now, updated_at=uow.now,
    )  # fmt: skip
    uow.add(group)
    uow.emit(EventType.GROUP_CREATED, group)
    await uow.flush()
    for number in range(POLICIES):
        policy = await _add_policy(uow, number)
        uow.add(
            PolicyAttachment(
                id=new_id(IdKind.POLICY, uow.now), account=MAIN_ACCOUNT, policy_id=policy,
                group_id=group.id, created_at=uow.now,
            )
        )  # fmt: skip
    return group.id


async def _add_policy(uow: UnitOfWork, number: int) -> str:
    row = Policy(
        id=new_id(IdKind.POLICY, uow.now), account=MAIN_ACCOUNT, name=f"policy-{number}",
        created_at=uow.now, updated_at=uow.now,
    )  # fmt: skip
    uow.add(row)
    uow.emit(EventType.POLICY_CREATED, row)
    await uow.flush()
    version = PolicyVersion(
        policy_id=row.id, number=1, account=MAIN_ACCOUNT, document=_document(number),
        created_at=uow.now,
    )  # fmt: skip
    uow.add(version)
    return row.id


def _document(number: int) -> str:
    """The tenth is about `billing`; the others allow and deny in other services."""
    service = "billing" if number == POLICIES - 1 else f"shop{number}"
    return f"""{{"Version": "2012-10-17", "Statement": [
        {{"Sid": "Read", "Effect": "Allow", "Action": ["{service}:Get*", "{service}:List*"],
          "Resource": "arn:iam:{service}::main:invoice/*"}},
        {{"Sid": "NotClosed", "Effect": "Deny", "Action": "{service}:*", "Resource": "*",
          "Condition": {{"StringEquals": {{"{service}:State": "closed"}}}}}}]}}"""


async def _add_billing(uow: UnitOfWork, owners: str) -> Client:
    service, credential, client = _client(uow, "billing", owners)
    uow.add(service)
    uow.emit(EventType.SERVICE_CREATED, service)
    await uow.flush()
    uow.add(ServiceAudience(account=MAIN_ACCOUNT, uri=BILLING, service_id=service.id))
    uow.add(credential)
    uow.emit(EventType.CREDENTIAL_CREATED, credential)
    return client


async def _add_clients(
    uow: UnitOfWork, numbers: range, owners: str, employees: str
) -> list[Client]:
    made: list[Client] = []
    rows: list[GroupMembership | Credential] = []
    for number in numbers:
        service, credential, client = _client(uow, f"client-{number:04d}", owners)
        uow.add(service)
        uow.emit(EventType.SERVICE_CREATED, service)
        uow.emit(EventType.CREDENTIAL_CREATED, credential)
        membership = GroupMembership(
            group_id=employees, principal_id=service.id, account=MAIN_ACCOUNT, created_at=uow.now
        )
        rows += [credential, membership]
        made.append(client)
    await uow.flush()
    for row in rows:
        uow.add(row)
    group = await uow.get(Group, employees)
    assert group is not None  # noqa: S101 -- it was made above
    uow.emit(EventType.GROUP_MEMBER_ADDED, group)
    return made


def _client(uow: UnitOfWork, name: str, owners: str) -> tuple[Service, Credential, Client]:
    service = Service(
        id=new_id(IdKind.SERVICE, uow.now), account=MAIN_ACCOUNT, name=name, owner_group_id=owners,
        created_at=uow.now, updated_at=uow.now,
    )  # fmt: skip
    secret = mint_secret(SecretKind.CLIENT_SECRET)
    credential = Credential(
        id=new_id(IdKind.CREDENTIAL, uow.now), account=MAIN_ACCOUNT, principal_id=service.id,
        kind=CredentialKind.CLIENT_SECRET, secret_hash=secret.hash,
        created_at=uow.now, expires_at=uow.now + timedelta(days=90),
    )  # fmt: skip
    return service, credential, Client(service.id, name, secret.text, credential.id)


async def _add_users(uow: UnitOfWork) -> list[str]:
    found: list[str] = []
    for number in range(USERS):
        user = User(
            id=new_id(IdKind.USER, uow.now), account=MAIN_ACCOUNT, name=f"person-{number:03d}",
            created_at=uow.now, updated_at=uow.now,
        )  # fmt: skip
        uow.add(user)
        uow.emit(EventType.USER_CREATED, user)
        found.append(user.id)
    return found
