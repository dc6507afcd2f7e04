"""Reads about the installation as a whole."""

from typing import Final

from sqlalchemy import or_, select

from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    SHIPPED_ACCOUNT,
    Account,
    Credential,
    CredentialStatus,
    Group,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Principal,
    PrincipalStatus,
    Service,
)
from iam.work import UnitOfWork

ADMINISTRATOR_ACCESS: Final = "AdministratorAccess"


async def has_administrator(uow: UnitOfWork, *, account: str = MAIN_ACCOUNT) -> bool:
    """Whether anybody can administer the account: active, in the group, with a live credential."""
    query = (
        select(Principal.id)
        .join(GroupMembership, GroupMembership.principal_id == Principal.id)
        .join(Group, Group.id == GroupMembership.group_id)
        .join(Credential, Credential.principal_id == Principal.id)
        .where(
            Group.account == account,
            Group.name_key == ADMINISTRATORS,
            Principal.account == account,
            Principal.status == PrincipalStatus.ACTIVE,
            Credential.status == CredentialStatus.ACTIVE,
            or_(Credential.expires_at.is_(None), Credential.expires_at > uow.now),
        )
        .limit(1)
    )
    return await uow.scalar(query) is not None


async def lock_account(uow: UnitOfWork) -> bool:
    """Let nobody else bootstrap this account meanwhile; false if there is no such account.

    On SQLite the single writer does the same by nature.
    """
    query = select(Account.name).where(Account.name == uow.caller.account).with_for_update()
    return await uow.scalar(query) is not None


async def find_administrators(uow: UnitOfWork, *, account: str) -> Group | None:
    """The group `administrators` of an account."""
    query = select(Group).where(Group.account == account, Group.name_key == ADMINISTRATORS)
    group: Group | None = await uow.scalar(query)
    return group


async def find_administrator_access(uow: UnitOfWork) -> Policy | None:
    """The shipped policy that allows everything."""
    query = select(Policy).where(
        Policy.account == SHIPPED_ACCOUNT, Policy.name == ADMINISTRATOR_ACCESS
    )
    policy: Policy | None = await uow.scalar(query)
    return policy


async def find_service(uow: UnitOfWork, *, account: str, name: str) -> Service | None:
    """The service of this name; names are compared without case."""
    query = select(Service).where(Service.account == account, Service.name_key == name.casefold())
    service: Service | None = await uow.scalar(query)
    return service


async def is_attached(uow: UnitOfWork, *, policy_id: str, group_id: str) -> bool:
    """Whether the policy is attached to the group."""
    query = select(PolicyAttachment.id).where(
        PolicyAttachment.policy_id == policy_id, PolicyAttachment.group_id == group_id
    )
    return await uow.scalar(query) is not None


async def is_member(uow: UnitOfWork, *, group_id: str, principal_id: str) -> bool:
    """Whether the principal is in the group."""
    return await uow.get(GroupMembership, (group_id, principal_id)) is not None
