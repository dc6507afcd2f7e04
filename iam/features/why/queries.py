"""Reading what a decision is made from: today's rows, and what changed them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select

from iam.authz.surroundings import INSTALLATION, at_or_above, owning_account
from iam.features.why import rules
from iam.features.why.rules import State, mentioned
from iam.journal.events import EventType
from iam.journal.history import Past, PastChange, changes_named, changes_of, changes_to
from iam.models import (
    MAIN_ACCOUNT,
    Account,
    Base,
    DeniedQuestion,
    Group,
    GroupMembership,
    Guardrail,
    GuardrailAttachment,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
    ResourcePolicy,
)
from iam.work import UnitOfWork

_MEMBERS: Final = (EventType.GROUP_MEMBER_ADDED, EventType.GROUP_MEMBER_REMOVED)
_GUARDRAILS: Final = (
    EventType.GUARDRAIL_CREATED,
    EventType.GUARDRAIL_UPDATED,
    EventType.GUARDRAIL_DELETED,
    EventType.GUARDRAIL_ATTACHED,
    EventType.GUARDRAIL_DETACHED,
)


@dataclass(frozen=True, slots=True)
class History:
    """Today's rows, and what changed them.

    Attributes:
        state: The rows that a decision is made from, as they are.
        changes: What changed them, newest first.
        known_since: Before this instant there are changes that were not read; `None` if none are.
    """

    state: State
    changes: list[PastChange]
    known_since: datetime | None


async def find_denied(uow: UnitOfWork, decision_id: str) -> DeniedQuestion | None:
    """The question that this decision denied, about a principal of the caller's account."""
    query = select(DeniedQuestion).where(
        DeniedQuestion.account == uow.caller.account,
        or_(
            DeniedQuestion.decision_id == decision_id,
            DeniedQuestion.first_decision_id == decision_id,
        ),
    )
    found: DeniedQuestion | None = await uow.scalar(query.limit(1))
    return found


async def read_history(
    uow: UnitOfWork, *, account: str, principal_id: str, resource: str, role_id: str | None
) -> History:
    """What decisions about this principal and this resource of its account are made from.

    `role_id` is the role that would be assumed, where that is asked.
    """
    pasts: list[Past] = []

    async def changes(past: Any) -> list[PastChange]:
        found: Past = await past
        pasts.append(found)
        return list(found.changes)

    members = await changes(changes_named(uow, account, _MEMBERS))
    joined = mentioned(members, rules.MEMBERSHIPS, principal_id=principal_id)
    current = await uow.scalars(
        select(GroupMembership.group_id).where(GroupMembership.principal_id == principal_id)
    )
    groups = {row["group_id"] for row in joined} | set(current)
    holders = {principal_id, *groups}
    found = await changes(changes_of(uow, account, {*holders, account, role_id or principal_id}))
    policies = await _policies(uow, principal_id, holders, found)
    found += await changes(changes_of(uow, account, policies))
    above = list(at_or_above(resource))
    found += await changes(changes_to(uow, account, above))
    # Guardrails belong to the installation; what changed them is in the log of `main`.
    await uow.see_all_accounts()
    found += await changes(changes_named(uow, MAIN_ACCOUNT, _GUARDRAILS))
    if account != MAIN_ACCOUNT:
        found += await changes(changes_of(uow, MAIN_ACCOUNT, {account}))
    await uow.see_own_account()
    ids = {principal_id} if role_id is None else {principal_id, role_id}
    accounts = {account, owning_account(resource, account)}
    state = await _state(uow, account, ids, groups, policies, above, accounts)
    cut = [past.changes[-1].at for past in pasts if past.is_cut]
    unique = {change.id: change for change in found}
    ordered = sorted(unique.values(), key=lambda one: one.id, reverse=True)
    return History(state, ordered, max(cut, default=None))


async def _policies(
    uow: UnitOfWork, principal_id: str, holders: set[str], changes: Iterable[PastChange]
) -> set[str]:
    """The managed policies that any of these holders has or had, boundaries included."""
    attached = await uow.scalars(
        select(PolicyAttachment.policy_id).where(
            or_(
                PolicyAttachment.principal_id.in_(holders),
                PolicyAttachment.group_id.in_(holders),
            )
        )
    )
    boundary = await uow.scalars(
        select(Principal.__table__.c.boundary_policy_id).where(
            Principal.__table__.c.id == principal_id
        )
    )
    found = {*attached, *boundary}
    found |= {row["policy_id"] for row in mentioned(changes, rules.ATTACHMENTS)}
    for change in changes:
        for side in (change.before, change.after):
            found.add((side or {}).get("boundary_policy_id"))
    return {one for one in found if one}


async def _state(
    uow: UnitOfWork,
    account: str,
    principals: set[str],
    groups: set[str],
    policies: set[str],
    above: list[str],
    accounts: set[str],
) -> State:
    holders = {*principals, *groups}
    levels = [INSTALLATION, *(f"account/{one}" for one in accounts)]
    state = State()
    conditions: list[tuple[type[Base], Any]] = [
        (Account, Account.name == account),
        (Group, Group.id.in_(groups)),
        (GroupMembership, GroupMembership.principal_id.in_(principals)),
        (
            PolicyAttachment,
            or_(PolicyAttachment.principal_id.in_(holders), PolicyAttachment.group_id.in_(holders)),
        ),
        (
            InlinePolicy,
            or_(InlinePolicy.principal_id.in_(holders), InlinePolicy.group_id.in_(holders)),
        ),
        (Policy, Policy.id.in_(policies)),
        (PolicyVersion, PolicyVersion.policy_id.in_(policies)),
        (Principal, Principal.id.in_(principals)),
        (GuardrailAttachment, GuardrailAttachment.level.in_(levels)),
        (
            ResourcePolicy,
            (ResourcePolicy.account == account) & ResourcePolicy.resource.in_(above),
        ),
        (Guardrail, Guardrail.id.is_not(None)),
    ]
    for model, condition in conditions:
        table: Any = model.__table__
        rows = (await uow.execute(select(table).where(condition))).mappings().all()
        state.put(table.name, [dict(row) for row in rows])
    return state
