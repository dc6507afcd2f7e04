"""The guard that keeps an account administrable: no change may lock everybody out.

An administrator is an active member of group `administrators` whose policies still let it undo
what can lock people out, and who can prove itself. Whatever a unit of work did, `Runtime.begin`
asks here before the commit, so that no feature can forget it.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, or_, select

from iam.authz.actions import Action
from iam.authz.context import both_prefixes, principal_context
from iam.authz.facts import PrincipalFacts, decide
from iam.authz.gather import Reader, gather
from iam.authz.read_surroundings import read_resources
from iam.errors import conflict
from iam.journal.record import RowChange
from iam.models import (
    ADMINISTRATORS,
    MAIN_ACCOUNT,
    Account,
    Credential,
    CredentialStatus,
    Group,
    GroupMembership,
    Guardrail,
    GuardrailAttachment,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    Principal,
    ResourcePolicy,
)
from iam.work import UnitOfWork


class Standing(IntEnum):
    """How well an account is administered; a change may not lower it."""

    NOBODY = 0
    WITHOUT_CREDENTIAL = 1
    """Somebody may administer it, and has nothing to sign in with (any more)."""
    ADMINISTERED = 2


# What an administrator must be able to undo, by the tables whose changes can lock people out.
_ON_GROUP: Final = (
    Action.ADD_USER_TO_GROUP,
    Action.REMOVE_USER_FROM_GROUP,
    Action.ATTACH_GROUP_POLICY,
    Action.DETACH_GROUP_POLICY,
    Action.DELETE_GROUP_POLICY,
)
_ON_PRINCIPAL: Final = {
    "user": (
        Action.ENABLE_USER,
        Action.DETACH_USER_POLICY,
        Action.DELETE_USER_POLICY,
        Action.DELETE_USER_PERMISSIONS_BOUNDARY,
    ),
    "service": (
        Action.ENABLE_SERVICE,
        Action.DETACH_SERVICE_POLICY,
        Action.DELETE_SERVICE_POLICY,
        Action.DELETE_SERVICE_PERMISSIONS_BOUNDARY,
        Action.CREATE_CREDENTIAL,
    ),
}
_ON_POLICY: Final = (Action.SET_DEFAULT_POLICY_VERSION, Action.CREATE_POLICY_VERSION)
_ON_GUARDRAIL: Final = (
    Action.UPDATE_GUARDRAIL,
    Action.ATTACH_GUARDRAIL,
    Action.DETACH_GUARDRAIL,
)
_ON_LEVEL: Final = (Action.ATTACH_GUARDRAIL, Action.DETACH_GUARDRAIL)
_ON_RESOURCE: Final = (Action.PUT_RESOURCE_POLICY, Action.DELETE_RESOURCE_POLICY)
_ANY: Final = "any-other"
"""Stands for a principal or policy that no policy names; nothing of this name needs to exist."""

_HOLDINGS: Final = frozenset(
    model.__tablename__
    for model in (
        GroupMembership,
        PolicyAttachment,
        InlinePolicy,
        GuardrailAttachment,
        ResourcePolicy,
    )
)
# Columns whose new value can change what somebody may do.
_TELLING: Final = {
    Principal.__tablename__: frozenset({"status", "tags", "boundary_policy_id"}),
    Policy.__tablename__: frozenset({"default_version"}),
    Credential.__tablename__: frozenset({"status", "expires_at"}),
    Account.__tablename__: frozenset({"status"}),
    Guardrail.__tablename__: frozenset({"document"}),
}
# Tables whose rows take rights with them. A policy is not among them: one in use cannot go.
_GOING: Final = frozenset(model.__tablename__ for model in (Principal, Group, Credential))


async def keep_administrable(uow: UnitOfWork) -> None:
    """Return if every account that this unit of work changed can still be administered.

    Raises `IamError` of kind `conflict` when an account had an administrator before, and would
    have none after the commit.
    """
    if uow.read_only:
        return
    await uow.flush()
    for account in sorted(_accounts_at_risk(uow)):
        await _check(uow, account)


async def is_administrator(reader: Reader, principal_id: str) -> bool:
    """Whether this principal is in the group `administrators` of its account."""
    found = await reader.execute(
        select(GroupMembership.principal_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(GroupMembership.principal_id == principal_id, Group.name_key == ADMINISTRATORS)
    )
    return found.first() is not None


def _accounts_at_risk(uow: UnitOfWork) -> set[str]:
    """The accounts in which something changed that may take rights from somebody."""
    account_of = {event.target_id: event.account for event in uow.all_events}
    changes = uow.all_changes
    risky = {account_of.get(change.target_id) for change in changes if _may_lock_out(change)}
    gone = {
        change.target_id
        for change in changes
        if change.table == Account.__tablename__ and change.after is None
    }
    # A change without an event refuses to commit anyway: the journal sees to that.
    return {account for account in risky if account is not None} - gone


def _may_lock_out(change: RowChange) -> bool:
    table = change.table
    if table in _HOLDINGS:
        return True  # what is added may deny, what is removed may have allowed
    if change.before is None:
        return False
    if change.after is None:
        return table in _GOING
    # Whoever administers `main` can reactivate every other account.
    is_harmless = table == Account.__tablename__ and change.target_id != MAIN_ACCOUNT
    return not is_harmless and not _TELLING.get(table, frozenset()).isdisjoint(change.after)


async def _check(uow: UnitOfWork, account: str) -> None:
    # Two administrators who remove each other must not both see the other one remain (RC-07).
    await uow.hold_account(account)
    after = await _standing(uow, account, uow)
    if after is Standing.ADMINISTERED:
        return
    # This transaction has changed what it reads; another connection still sees what it found.
    async with uow.tools.database.connect_beside() as committed:
        before = await _standing(uow, account, committed)
    if before > after:
        message = (
            f"this would leave account `{account}` without an administrator who can undo it; "
            f"first put another active principal with a credential into group `{ADMINISTRATORS}`"
        )
        raise conflict("last_administrator", message)


def _is_administrators(account: str) -> ColumnElement[bool]:
    return (Group.account == account) & (Group.name_key == ADMINISTRATORS)


async def _standing(uow: UnitOfWork, account: str, reader: Reader) -> Standing:
    best = Standing.NOBODY
    for principal_id, group, has_credential in await _members(uow, account, reader):
        if best is Standing.WITHOUT_CREDENTIAL and not has_credential:
            break  # those with a credential come first: nobody better follows
        facts = await gather(reader, principal_id, partition=uow.settings.partition)
        if facts is None or not await _may_undo(uow, facts, group, reader):
            continue
        if has_credential:
            return Standing.ADMINISTERED
        best = Standing.WITHOUT_CREDENTIAL
    return best


async def _members(
    uow: UnitOfWork, account: str, reader: Reader
) -> Sequence[tuple[str, str, bool]]:
    """Members of `administrators`: id, resource part of the group's ARN, can prove itself."""
    proves = _has_usable_credential(uow)
    found = await reader.execute(
        select(Principal.__table__.c.id, Group.path, Group.name, proves.label("proves"))
        .select_from(Group)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .join(Principal.__table__, Principal.__table__.c.id == GroupMembership.principal_id)
        .where(_is_administrators(account))
        .order_by(proves.desc(), Principal.__table__.c.id)
    )
    return [(row.id, f"group{row.path}{row.name}", bool(row.proves)) for row in found]


def _has_usable_credential(uow: UnitOfWork) -> ColumnElement[bool]:
    """Whether the principal of the row has something to prove itself with."""
    alive = or_(Credential.expires_at.is_(None), Credential.expires_at > uow.now)
    return exists().where(
        Credential.principal_id == Principal.__table__.c.id,
        Credential.status == CredentialStatus.ACTIVE,
        alive,
    )


async def _may_undo(uow: UnitOfWork, facts: PrincipalFacts, group: str, reader: Reader) -> bool:
    if not facts.is_active:
        return False
    context = {**principal_context(facts, now=uow.now), **_circumstances(uow)}
    asked = [*_undoing(uow, facts, group), *_undoing_this(uow, facts)]
    arounds = await read_resources(
        reader,
        facts.account,
        resources={resource for _, resource in asked},
        partition=uow.settings.partition,
    )
    return all(
        decide(
            facts, action=action, resource=resource, context=context, around=arounds[resource]
        ).allowed
        for action, resource in asked
    )


def _undoing(uow: UnitOfWork, facts: PrincipalFacts, group: str) -> Iterable[tuple[Action, str]]:
    def own(resource: str) -> str:
        return uow.arn_of("iam", facts.account, resource)

    yield from ((action, own(group)) for action in _ON_GROUP)
    yield from ((action, facts.arn) for action in _ON_PRINCIPAL.get(facts.kind, ()))
    for kind, actions in _ON_PRINCIPAL.items():
        yield from ((action, own(f"{kind}/{_ANY}")) for action in actions)
    yield from ((action, own(f"policy/{_ANY}")) for action in _ON_POLICY)


def _undoing_this(uow: UnitOfWork, facts: PrincipalFacts) -> Iterable[tuple[Action, str]]:
    """What undoes the guardrails and resource policies that this unit of work changes.

    Only these name what they are about: one that forbids to take itself away can be any.
    """
    for event in uow.all_events:
        if event.account != facts.account:
            continue
        if event.type.startswith("iam.guardrail."):
            yield from ((action, event.subject) for action in _ON_GUARDRAIL)
            level = event.detail.get("target")
            yield from ((action, level) for action in _ON_LEVEL if level is not None)
        elif event.type.startswith("iam.resource_policy."):
            yield from ((action, event.subject) for action in _ON_RESOURCE)


def _circumstances(uow: UnitOfWork) -> dict[str, Any]:
    """The best that an administrator can bring: a second factor, and the place of this request."""
    values: dict[str, Any] = {"SecureTransport": True, "MultiFactorAuthPresent": True}
    if uow.caller.address is not None:
        values["SourceIp"] = uow.caller.address
    return both_prefixes(values)
