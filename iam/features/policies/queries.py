"""Finding policies. Every read is bound to one account and to the shipped policies."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, case, false, func, literal, select, union_all

from iam.features.policies.rules import version_number
from iam.kit.framing import framed
from iam.kit.ids import is_id
from iam.kit.pages import Page
from iam.models import (
    SHIPPED_ACCOUNT,
    Group,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
)
from iam.work import UnitOfWork


class Scope(StrEnum):
    """Which policies a list shows."""

    ALL = "all"
    LOCAL = "local"
    SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class Entity:
    """Who a policy is attached to, or whom it limits as permissions boundary."""

    usage: str
    kind: str
    id: str
    path: str
    name: str


async def find_policy(uow: UnitOfWork, reference: str) -> Policy | None:
    """The policy with this id, ARN or name that the caller's account can use.

    A name means the account's own policy first, then a shipped one; case makes no difference.
    """
    own = Policy.account == uow.caller.account
    query = (
        select(Policy)
        .where(Policy.account.in_((uow.caller.account, SHIPPED_ACCOUNT)))
        .where(_matching(uow, reference))
        .order_by(case((own, 0), else_=1))
        .limit(1)
    )
    found: Policy | None = await uow.scalar(query)
    return found


def _matching(uow: UnitOfWork, reference: str) -> ColumnElement[bool]:
    if is_id(reference):
        return Policy.id == reference
    # Folding case turns some letters of other scripts into ASCII: those name nothing (PE-05).
    if not reference.isascii():
        return false()
    for account in (uow.caller.account, SHIPPED_ACCOUNT):
        head = uow.arn_of("iam", account, "policy/")
        if reference.startswith(head):
            path, _, name = reference[len(head) - 1 :].rpartition("/")
            return and_(Policy.account == account, Policy.path == f"{path}/", Policy.name == name)
    return Policy.name_key == reference.casefold()


async def locked_policy(uow: UnitOfWork, policy_id: str) -> Policy | None:
    """The policy as it is now, kept from changing until this transaction ends."""
    query = (
        select(Policy)
        .where(Policy.id == policy_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found: Policy | None = await uow.scalar(query)
    return found


async def list_policies(
    uow: UnitOfWork, *, limit: int, cursor: str | None, path_prefix: str, scope: Scope
) -> Page[Policy]:
    """One page of the account's own policies, the shipped ones, or both; oldest first."""
    accounts = {
        Scope.ALL: (uow.caller.account, SHIPPED_ACCOUNT),
        Scope.LOCAL: (uow.caller.account,),
        Scope.SHIPPED: (SHIPPED_ACCOUNT,),
    }
    bound = framed("policies", uow.caller.account, scope, path_prefix)
    query = select(Policy).where(Policy.account.in_(accounts[scope]))
    if path_prefix != "/":
        query = query.where(Policy.path.startswith(path_prefix, autoescape=True))
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=bound)
        query = query.where(Policy.id > last)
    rows = (await uow.scalars(query.order_by(Policy.id).limit(limit + 1))).all()
    return Page.cut(rows, limit, lambda row: uow.tools.cursors.encode([row.id], scope=bound))


async def list_versions(uow: UnitOfWork, policy: Policy) -> list[PolicyVersion]:
    """All versions of a policy, newest first; there are at most five."""
    query = select(PolicyVersion).where(PolicyVersion.policy_id == policy.id)
    return list((await uow.scalars(query.order_by(PolicyVersion.number.desc()))).all())


async def count_versions(uow: UnitOfWork, policy: Policy) -> int:
    """How many versions a policy has."""
    count = select(func.count()).where(PolicyVersion.policy_id == policy.id)
    found: int = await uow.scalar(count)
    return found


async def find_version(uow: UnitOfWork, policy: Policy, reference: str) -> PolicyVersion | None:
    """The version of a policy that is called so."""
    number = version_number(reference)
    return None if number is None else await uow.get(PolicyVersion, (policy.id, number))


async def list_entities(
    uow: UnitOfWork, policy: Policy, *, limit: int, cursor: str | None
) -> Page[Entity]:
    """One page of the account's principals and groups that use a policy, by usage and id."""
    account = uow.caller.account
    bound = framed("policy-entities", account, policy.id)
    uses = _uses(policy.id, account).subquery()
    query = select(uses).order_by(uses.c.usage, uses.c.id).limit(limit + 1)
    if cursor is not None:
        usage, last = uow.tools.cursors.decode(cursor, scope=bound)
        later = and_(uses.c.usage == usage, uses.c.id > last) | (uses.c.usage > usage)
        query = query.where(later)
    found = await uow.execute(query)
    rows = [Entity(row.usage, row.kind, row.id, row.path, row.name) for row in found]
    return Page.cut(
        rows, limit, lambda row: uow.tools.cursors.encode([row.usage, row.id], scope=bound)
    )


def _uses(policy_id: str, account: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 -- a union of three Selects
    attached, group, boundary = literal("attached"), literal("group"), literal("boundary")
    on_principals = (
        select(
            attached.label("usage"), Principal.kind, Principal.id, Principal.path, Principal.name
        )
        .join(PolicyAttachment, PolicyAttachment.principal_id == Principal.id)
        .where(PolicyAttachment.policy_id == policy_id, Principal.account == account)
    )
    on_groups = (
        select(attached, group, Group.id, Group.path, Group.name)
        .join(PolicyAttachment, PolicyAttachment.group_id == Group.id)
        .where(PolicyAttachment.policy_id == policy_id, Group.account == account)
    )
    as_boundary = select(
        boundary, Principal.kind, Principal.id, Principal.path, Principal.name
    ).where(Principal.boundary_policy_id == policy_id, Principal.account == account)
    return union_all(on_principals, on_groups, as_boundary)
