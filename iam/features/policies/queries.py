"""Finding policies. Every read is bound to one account and to the shipped policies."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, select, union_all

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
    query = select(Policy).order_by(Policy.id).limit(limit + 1)
    if path_prefix != "/":
        query = query.where(Policy.path.startswith(path_prefix, autoescape=True))
    if cursor is not None:
        (last,) = uow.tools.cursors.decode(cursor, scope=bound)
        query = query.where(Policy.id > last)
    rows: list[Policy] = []
    for account in accounts[scope]:  # one index serves each; it would not serve both at once
        rows += await uow.scalars(query.where(Policy.account == account))
    rows.sort(key=lambda row: row.id)
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
    usage, last = ("", "")
    if cursor is not None:
        usage, last = uow.tools.cursors.decode(cursor, scope=bound)
    # Each part in the order of its index, and no more of it than a page: it may be a million long.
    parts = [_limiting(policy.id, account, after=last if usage == _LIMITS else "")]
    if usage != _LIMITS:
        parts += [_holding(kind, policy.id, account, after=last) for kind in (Principal, Group)]
    pages = [select(part.limit(limit + 1).subquery()) for part in parts]
    uses = union_all(*pages).subquery()
    query = select(uses).order_by(uses.c.usage, uses.c.id).limit(limit + 1)
    found = await uow.execute(query)
    rows = [Entity(row.usage, row.kind, row.id, row.path, row.name) for row in found]
    return Page.cut(
        rows, limit, lambda row: uow.tools.cursors.encode([row.usage, row.id], scope=bound)
    )


_HAS: Final = "attached"
_LIMITS: Final = "boundary"


def _holding(
    holder: type[Principal | Group], policy_id: str, account: str, *, after: str
) -> Select[*tuple[Any, ...]]:
    """Principals or groups of the account that a policy is attached to, by id."""
    is_group = holder is Group
    column = PolicyAttachment.group_id if is_group else PolicyAttachment.principal_id
    kind = literal("group") if is_group else Principal.kind
    return (
        select(
            literal(_HAS).label("usage"),
            kind.label("kind"),
            column.label("id"),
            holder.path,
            holder.name,
        )
        .join(holder, holder.id == column)
        .where(PolicyAttachment.policy_id == policy_id, PolicyAttachment.account == account)
        .where(column > after)
        .order_by(column)
    )


def _limiting(policy_id: str, account: str, *, after: str) -> Select[*tuple[Any, ...]]:
    """Principals of the account whose permissions boundary a policy is, by id."""
    return (
        select(
            literal(_LIMITS).label("usage"),
            Principal.kind,
            Principal.id,
            Principal.path,
            Principal.name,
        )
        .where(Principal.boundary_policy_id == policy_id, Principal.account == account)
        .where(Principal.id > after)
        .order_by(Principal.id)
    )
