"""Use cases of the installation: what must be there before anything is served."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sqlalchemy import select

from iam.errors import ErrorKind, IamError, conflict, denied, not_found, unavailable
from iam.features.credentials.service import create_client_secret
from iam.features.guardrails.service import ensure_full_access
from iam.features.installation.queries import (
    find_administrator_access,
    find_administrators,
    find_service,
    has_administrator,
    is_attached,
    is_member,
    lock_account,
)
from iam.features.installation.rules import KEY_CHECK, key_check_place
from iam.features.master_key.service import ensure_master_key
from iam.features.policies.shipped import ShippedPolicy, shipped_policies
from iam.features.principals.rules import check_name
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.service import ensure_signing_key
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    SHIPPED_ACCOUNT,
    Account,
    Group,
    GroupMembership,
    Installation,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Restore,
    Service,
)
from iam.work import UnitOfWork

_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.3


Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Begins a unit of work of the root of account `main`."""


async def start_installation(begin: Begin) -> None:
    """Do `ensure_installation` however many replicas do it at this moment.

    Of two that race one is refused by the database, or waits for longer than a lock may take, and
    finds everything there the next time.
    """
    for attempt in range(_ATTEMPTS):
        try:
            async with begin() as uow:
                await ensure_installation(uow)
        except IamError as error:
            is_race = error.kind is ErrorKind.CONFLICT or error.code == "database_unavailable"
            if not is_race or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


async def ensure_installation(uow: UnitOfWork) -> None:
    """Make what every installation has, and bring shipped policies up to date.

    Safe to call at every start, by any number of replicas. Raises `IamError` of kind `unavailable`
    when the master key is not the one that this database was made with.
    """
    await uow.see_all_accounts()  # shipped policies belong to an account of their own
    installation = await uow.get(Installation, 1)
    if installation is None:
        installation = await _create(uow)
    else:
        check_master_key(uow, installation)
        await refuse_unfinished(uow)
    await _ensure_uid(uow, installation)
    await ensure_master_key(uow, installation)
    await ensure_signing_key(uow, purpose=Purpose.ACCESS_TOKEN)
    for shipped in shipped_policies():
        await _ensure_policy(uow, shipped)
    await ensure_full_access(uow)


def check_master_key(uow: UnitOfWork, installation: Installation) -> None:
    """Raise `IamError` of kind `unavailable` unless the master key opens this installation."""
    try:
        uow.tools.sealer.open(installation.key_check_sealed, key_check_place(MAIN_ACCOUNT))
    except IamError:
        message = (
            "the master key is not the one that this database was made with; "
            "point IAM_MASTER_KEY_FILE at the right file"
        )
        raise unavailable("master_key_wrong", message) from None


async def _ensure_uid(uow: UnitOfWork, installation: Installation) -> None:
    """Name an installation that was made before installations had names."""
    if not installation.uid:
        installation.uid = new_id(IdKind.INSTALLATION, uow.now)
        uow.emit(EventType.INSTALLATION_UPDATED, installation)


async def refuse_unfinished(uow: UnitOfWork) -> None:
    """Raise `IamError` of kind `unavailable` while a restore has been cut off half way.

    What was revoked since the backup would count again.
    """
    query = select(Restore.backup_id).where(Restore.finished_at.is_(None)).limit(1)
    if await uow.scalar(query) is not None:
        message = (
            "a restore of this database was cut off before its end; run "
            "`iam backup restore FILE --local --replace` again"
        )
        raise unavailable("restore_unfinished", message)


async def _create(uow: UnitOfWork) -> Installation:
    row = Installation(
        uid=new_id(IdKind.INSTALLATION, uow.now),
        partition=uow.settings.partition,
        key_check_sealed=uow.tools.sealer.seal(KEY_CHECK, key_check_place(MAIN_ACCOUNT)),
        created_at=uow.now,
    )
    await uow.insert(row, taken=_raced())
    uow.emit(EventType.INSTALLATION_CREATED, row)
    for name in (MAIN_ACCOUNT, SHIPPED_ACCOUNT):
        account = Account(name=name, created_at=uow.now, updated_at=uow.now)
        await uow.insert(account, taken=_raced())
        uow.emit(EventType.ACCOUNT_CREATED, account)
    return row


async def _ensure_policy(uow: UnitOfWork, shipped: ShippedPolicy) -> None:
    """Create the policy, or give it the shipped document as a new default version."""
    query = select(Policy).where(Policy.account == SHIPPED_ACCOUNT, Policy.name == shipped.name)
    policy: Policy | None = await uow.scalar(query)
    if policy is None:
        await _create_policy(uow, shipped)
        return
    current = await uow.get(PolicyVersion, (policy.id, policy.default_version))
    if current is not None and current.document == shipped.document:
        return
    policy.last_version += 1
    policy.default_version = policy.last_version
    policy.description = shipped.description
    policy.updated_at = uow.now
    uow.add(_version(uow, policy, shipped))
    uow.emit(EventType.POLICY_VERSION_CREATED, policy)


async def _create_policy(uow: UnitOfWork, shipped: ShippedPolicy) -> None:
    policy = Policy(
        id=new_id(IdKind.POLICY, uow.now),
        account=SHIPPED_ACCOUNT,
        name=shipped.name,
        description=shipped.description,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(policy, taken=_raced())
    uow.add(_version(uow, policy, shipped))
    uow.emit(EventType.POLICY_CREATED, policy)


def _version(uow: UnitOfWork, policy: Policy, shipped: ShippedPolicy) -> PolicyVersion:
    return PolicyVersion(
        policy_id=policy.id,
        number=policy.last_version,
        account=policy.account,
        document=shipped.document,
        created_at=uow.now,
    )


def _raced() -> IamError:
    return conflict("start_raced", "another replica is preparing this database")


@dataclass(frozen=True, slots=True)
class FirstCredential:
    """What the first administrator signs in with. The secret is shown once and never kept."""

    client_id: str
    client_secret: str = field(repr=False)


async def bootstrap(uow: UnitOfWork, *, service: str) -> FirstCredential:
    """Make the first administrator of the caller's account: a service with a client secret.

    Only for the account's root, on the host. The service is a member of the group
    `administrators`, which owns it. A member that lost its credential gets a new one.

    Raises `conflict`, `bootstrapped_already`, when somebody can administer the account, and
    `name_taken` when the service exists and is no administrator.
    """
    if uow.caller.kind != "root":
        raise denied("root_required", "this is only done on the host, as the account's root")
    if not await lock_account(uow):
        raise not_found("not_found", f"there is no account `{uow.caller.account}`")
    if await has_administrator(uow, account=uow.caller.account):
        message = (
            "somebody can administer this account already: "
            "an active administrator has a live credential"
        )
        raise conflict("bootstrapped_already", message)
    group = await ensure_administrators(uow)
    row = await _ensure_member(uow, group, name=service)
    _, secret = await create_client_secret(uow, service=row.id, description="first credential")
    return FirstCredential(row.id, secret)


async def ensure_administrators(uow: UnitOfWork) -> Group:
    """The group `administrators`, with the policy that makes it what its name says."""
    account = uow.caller.account
    group = await find_administrators(uow, account=account)
    event = EventType.GROUP_MEMBER_ADDED
    if group is None:
        event = EventType.GROUP_CREATED
        group = Group(
            id=new_id(IdKind.GROUP, uow.now),
            account=account,
            name=ADMINISTRATORS,
            description="Its active members administer this account",
            created_by=uow.caller.id,
            created_at=uow.now,
            updated_at=uow.now,
        )
        await uow.insert(group, taken=_raced())
    await _ensure_attached(uow, group)
    # One event for the group and all that is hung on it here.
    uow.emit(event, group)
    return group


async def _ensure_attached(uow: UnitOfWork, group: Group) -> None:
    policy = await find_administrator_access(uow)
    if policy is None:
        raise unavailable("not_prepared", "the shipped policies are missing; start the server once")
    if await is_attached(uow, policy_id=policy.id, group_id=group.id):
        return
    attachment = PolicyAttachment(
        id=new_id(IdKind.POLICY, uow.now),
        account=group.account,
        policy_id=policy.id,
        group_id=group.id,
        created_at=uow.now,
    )
    uow.add(attachment)


async def _ensure_member(uow: UnitOfWork, group: Group, *, name: str) -> Service:
    found = await find_service(uow, account=group.account, name=name)
    if found is not None:
        if found.is_active and await is_member(uow, group_id=group.id, principal_id=found.id):
            return found
        message = f"there is a service `{name}` that is no active administrator; take another name"
        raise conflict("name_taken", message)
    check_name(name)
    row = Service(
        id=new_id(IdKind.SERVICE, uow.now),
        account=group.account,
        name=name,
        description="Administrates this account; made on the host",
        owner_group_id=group.id,
        created_by=uow.caller.id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    await uow.insert(row, taken=_raced())
    uow.emit(EventType.SERVICE_CREATED, row)
    membership = GroupMembership(
        group_id=group.id, principal_id=row.id, account=group.account, created_at=uow.now
    )
    await uow.insert(membership, taken=_raced())
    return row
