"""What is there of the company, and what is there beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, exists, func, select

from iam.features.attachments import queries as attachments
from iam.features.attachments.queries import Holder
from iam.features.attachments.rules import HolderKind
from iam.features.demo.rules import GRANTS, GROUP_PATH, PEOPLE, TAGS, TEAMS, WORKLOADS
from iam.features.policies.queries import find_policy
from iam.models import (
    ADMINISTRATORS,
    Group,
    GroupMembership,
    Policy,
    PolicyAttachment,
    Principal,
)
from iam.work import UnitOfWork

HOLDERS: Final = (
    *((HolderKind.GROUP, name) for name in TEAMS),
    *((HolderKind.USER, person.name) for person in PEOPLE),
    *((HolderKind.SERVICE, workload.name) for workload in WORKLOADS),
)
"""Kind and name of all that the company consists of, beside its policies."""
POLICIES: Final = tuple(grant.name for grant in GRANTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What was seeded and is still there; `group_policies` are ids of groups and policies."""

    services: Sequence[Holder]
    users: Sequence[Holder]
    groups: Sequence[Holder]
    group_policies: Sequence[tuple[str, str]]
    policies: Sequence[Policy]

    @property
    def size(self) -> int:
        """How many things it has that have a name."""
        return sum(map(len, (self.services, self.users, self.groups, self.policies)))


def is_seeded(row: Holder | Policy) -> bool:
    """Whether a row of one of our names is ours."""
    if isinstance(row, Group):
        return row.path == GROUP_PATH
    return TAGS.items() <= row.tags.items()


async def holders(uow: UnitOfWork) -> list[tuple[HolderKind, Holder]]:
    """Every group, user and service with the name of one in the company, ours or not."""
    found = [(kind, await attachments.find_holder(uow, kind, name)) for kind, name in HOLDERS]
    return [(kind, row) for kind, row in found if row is not None]


async def policies(uow: UnitOfWork) -> list[Policy]:
    """Every policy with the name of one in the company, ours or not."""
    found = [await find_policy(uow, name) for name in POLICIES]
    return [row for row in found if row is not None]


async def find_company(uow: UnitOfWork) -> Company:
    """All that was seeded, and is still there."""
    ours = [(kind, row) for kind, row in await holders(uow) if is_seeded(row)]
    groups = [row for kind, row in ours if kind is HolderKind.GROUP]
    held = select(PolicyAttachment.group_id, PolicyAttachment.policy_id).where(
        PolicyAttachment.group_id.in_([group.id for group in groups])
    )
    return Company(
        services=[row for kind, row in ours if kind is HolderKind.SERVICE],
        users=[row for kind, row in ours if kind is HolderKind.USER],
        groups=groups,
        group_policies=[(row.group_id, row.policy_id) for row in await uow.execute(held)],
        policies=[row for row in await policies(uow) if is_seeded(row)],
    )


async def count_strangers(uow: UnitOfWork) -> int:
    """Principals of the account that are neither administrators nor of the company."""
    ours = [row.id for kind, row in await holders(uow) if is_seeded(row)]
    query = select(func.count(Principal.id)).where(
        Principal.account == uow.caller.account,
        Principal.id.not_in(ours),
        ~_is_administrator(),
    )
    return int(await uow.scalar(query) or 0)


def _is_administrator() -> ColumnElement[bool]:
    return exists().where(
        GroupMembership.principal_id == Principal.id,
        GroupMembership.group_id == Group.id,
        Group.name_key == ADMINISTRATORS,
    )
