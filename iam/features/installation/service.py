"""Use cases of the installation: what must be there before anything is served."""

from sqlalchemy import select

from iam.errors import IamError, conflict, unavailable
from iam.features.installation.rules import KEY_CHECK, key_check_place
from iam.features.policies.shipped import ShippedPolicy, shipped_policies
from iam.features.signing_keys.rules import Purpose
from iam.features.signing_keys.service import ensure_signing_key
from iam.journal.events import EventType
from iam.kit.ids import IdKind, new_id
from iam.models import (
    MAIN_ACCOUNT,
    SHIPPED_ACCOUNT,
    Account,
    Installation,
    Policy,
    PolicyVersion,
)
from iam.work import UnitOfWork


async def ensure_installation(uow: UnitOfWork) -> None:
    """Make what every installation has, and bring shipped policies up to date.

    Safe to call at every start, by any number of replicas. Raises `IamError` of kind `unavailable`
    when the master key is not the one that this database was made with.
    """
    installation = await uow.get(Installation, 1)
    if installation is None:
        await _create(uow)
    else:
        check_master_key(uow, installation)
    for purpose in Purpose:
        await ensure_signing_key(uow, purpose=purpose)
    for shipped in shipped_policies():
        await _ensure_policy(uow, shipped)


def check_master_key(uow: UnitOfWork, installation: Installation) -> None:
    """Raise `IamError` of kind `unavailable` unless the master key opens this installation."""
    try:
        uow.tools.sealer.open(installation.key_check_sealed, key_check_place())
    except IamError:
        message = (
            "the master key is not the one that this database was made with; "
            "point IAM_MASTER_KEY_FILE at the right file"
        )
        raise unavailable("master_key_wrong", message) from None


async def _create(uow: UnitOfWork) -> None:
    row = Installation(
        partition=uow.settings.partition,
        key_check_sealed=uow.tools.sealer.seal(KEY_CHECK, key_check_place()),
        created_at=uow.now,
    )
    await uow.insert(row, taken=_raced())
    uow.emit(EventType.INSTALLATION_CREATED, row)
    for name in (MAIN_ACCOUNT, SHIPPED_ACCOUNT):
        account = Account(name=name, created_at=uow.now, updated_at=uow.now)
        await uow.insert(account, taken=_raced())
        uow.emit(EventType.ACCOUNT_CREATED, account)


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
