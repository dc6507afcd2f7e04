"""An account as configurations see it, read in one query a table; and what each of them manages."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from iam.features.configuration.rules.shapes import Item, Key, Kind, State
from iam.features.principal_elements.rules import with_principals
from iam.models import (
    FULL_ACCESS,
    SHIPPED_ACCOUNT,
    Account,
    AccountStatus,
    ActionCatalogue,
    Configuration,
    Group,
    GroupMembership,
    Guardrail,
    GuardrailAttachment,
    InlinePolicy,
    ManagedObject,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
    PrincipalStatus,
    ResourcePolicy,
    ServiceAudience,
)
from iam.work import UnitOfWork


async def find_configuration(uow: UnitOfWork, name: str) -> Configuration | None:
    """The configuration of this name of the caller's account."""
    query = select(Configuration).where(
        Configuration.account == uow.caller.account, Configuration.name == name
    )
    found: Configuration | None = await uow.scalar(query)
    return found


async def managed_by(uow: UnitOfWork, configuration: Configuration) -> dict[str, ManagedObject]:
    """The marks of what a configuration manages, by the id of the object."""
    query = select(ManagedObject).where(ManagedObject.configuration_id == configuration.id)
    return {row.object_id: row for row in await uow.scalars(query)}


async def read_state(uow: UnitOfWork) -> State:
    """Everything in the caller's account that a document can describe."""
    rows = await _read(uow)
    items = [*_policies(rows), *_groups(rows), *_principals(rows), *_others(rows)]
    status = await uow.scalar(select(Account.status).where(Account.name == uow.caller.account))
    return State(
        account=uow.caller.account,
        partition=uow.settings.partition,
        items={item.key: item for item in items},
        owners=await _owners(uow, items),
        is_active=status == AccountStatus.ACTIVE,
    )


@dataclass(slots=True, kw_only=True)
class _Rows:
    """What was read, by what it hangs on."""

    account: str
    partition: str
    policies: Sequence[Any]
    groups: Sequence[Any]
    principals: Sequence[Any]
    catalogues: Sequence[Any]
    resource_policies: Sequence[Any]
    guardrails: Sequence[Any]
    attached: Mapping[str, list[str]]
    inline: Mapping[str, dict[str, Any]]
    audiences: Mapping[str, list[str]]
    members: Mapping[str, list[str]]
    targets: Mapping[str, list[str]]
    names: dict[str, str] = field(default_factory=dict)
    """How principals, groups and policies are called, by id: `user/ana`, `read-invoices`."""
    arns: dict[str, str] = field(default_factory=dict)
    """The ARNs of principals by id: stored documents name them so."""


async def _read(uow: UnitOfWork) -> _Rows:
    account = uow.caller.account
    principals = await _all(uow, Principal.__table__, account)
    groups = await _all(uow, Group.__table__, account)
    policies = await _documents(uow, account)
    names = {row.id: f"{row.kind}/{row.name}" for row in principals}
    names |= {row.id: f"group/{row.name}" for row in groups}
    names |= {row.id: row.name for row in policies}
    arns = {
        row.id: uow.arn_of("iam", account, f"{row.kind}{row.path}{row.name}") for row in principals
    }
    attachments = await _all(uow, PolicyAttachment.__table__, account)
    memberships = await _all(uow, GroupMembership.__table__, account)
    inline: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in await _all(uow, InlinePolicy.__table__, account):
        inline[row.principal_id or row.group_id][row.name] = json.loads(row.document)
    audiences = await _all(uow, ServiceAudience.__table__, account)
    levels = (await uow.execute(select(*GuardrailAttachment.__table__.c))).all()
    return _Rows(
        account=account,
        partition=uow.settings.partition,
        policies=policies,
        groups=groups,
        principals=principals,
        catalogues=await _all(uow, ActionCatalogue.__table__, account),
        resource_policies=await _all(uow, ResourcePolicy.__table__, account),
        guardrails=(await uow.execute(select(*Guardrail.__table__.c))).all(),
        attached=_grouped(
            (row.principal_id or row.group_id, names[row.policy_id]) for row in attachments
        ),
        inline=inline,
        audiences=_grouped(
            (row.service_id, row.uri) for row in audiences if row.uri != arns[row.service_id]
        ),
        members=_grouped((row.group_id, names[row.principal_id]) for row in memberships),
        targets=_grouped((row.guardrail_id, row.level) for row in levels),
        names=names,
        arns=arns,
    )


async def _all(uow: UnitOfWork, table: Any, account: str) -> Sequence[Any]:
    """The rows of an account. Of the table, not the model: those are made twice as fast."""
    return (await uow.execute(select(*table.c).where(table.c.account == account))).all()


async def _documents(uow: UnitOfWork, account: str) -> Sequence[Any]:
    """The account's policies and the shipped ones, with the version that counts."""
    policy = Policy.__table__.c
    query = (
        select(policy.id, policy.account, policy.path, policy.name, policy.description)
        .add_columns(policy.tags, PolicyVersion.document)
        .join(
            PolicyVersion,
            (PolicyVersion.policy_id == policy.id)
            & (PolicyVersion.number == policy.default_version),
        )
        .where(policy.account.in_([account, SHIPPED_ACCOUNT]))
    )
    return (await uow.execute(query)).all()


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: sorted(values) for key, values in found.items()}


def _policies(rows: _Rows) -> Iterable[Item]:
    for row in rows.policies:
        attributes = {
            **_named(row),
            "tags": dict(sorted(row.tags.items())),
            "document": json.loads(row.document),
        }
        is_shipped = row.account == SHIPPED_ACCOUNT
        yield Item(Kind.POLICY, row.name, attributes, row.id, is_shipped=is_shipped)


def _groups(rows: _Rows) -> Iterable[Item]:
    for row in rows.groups:
        members = rows.members.get(row.id, [])
        attributes = {**_named(row), **_held(rows, row.id), "members": members}
        yield Item(Kind.GROUP, row.name, attributes, row.id)


def _principals(rows: _Rows) -> Iterable[Item]:
    for row in rows.principals:
        kind = Kind(row.kind)
        boundary = row.boundary_policy_id
        attributes = {
            **_own(kind, row, rows),
            **_named(row),
            "tags": dict(sorted(row.tags.items())),
            "permissions_boundary": None if boundary is None else rows.names[boundary],
            **_held(rows, row.id),
        }
        is_active = row.status == PrincipalStatus.ACTIVE
        yield Item(kind, row.name, attributes, row.id, is_active=is_active)


def _own(kind: Kind, row: Any, rows: _Rows) -> dict[str, Any]:
    """What only principals of this kind have."""
    if kind is Kind.USER:
        return {"display_name": row.display_name, "email": row.email}
    if kind is Kind.SERVICE:
        owner = rows.names[row.owner_user_id or row.owner_group_id]
        return {"owner": owner, "audiences": rows.audiences.get(row.id, [])}
    trust = with_principals(json.loads(row.trust_policy), rows.arns)
    return {"trust_policy": trust, "max_session_seconds": row.max_session_seconds}


def _others(rows: _Rows) -> Iterable[Item]:
    for row in rows.catalogues:
        document = json.loads(row.document)
        document.pop("prefix", None)
        attributes = {"owner": rows.names[row.service_id], "catalogue": document}
        yield Item(Kind.ACTION_CATALOGUE, row.prefix, attributes, row.id)
    for row in rows.resource_policies:
        document = with_principals(json.loads(row.document), rows.arns)
        yield Item(Kind.RESOURCE_POLICY, row.resource, {"document": document}, row.id)
    for row in rows.guardrails:
        name = f"{row.kind}/{row.name}"
        attributes = {
            "description": row.description,
            "document": json.loads(row.document),
            "targets": rows.targets.get(row.id, []),
        }
        is_shipped = row.name == FULL_ACCESS
        yield Item(Kind.GUARDRAIL, name, attributes, row.id, is_shipped=is_shipped)


def _named(row: Any) -> dict[str, Any]:
    return {"path": row.path, "description": row.description}


def _held(rows: _Rows, holder_id: str) -> dict[str, Any]:
    return {
        "policies": rows.attached.get(holder_id, []),
        "inline_policies": dict(sorted(rows.inline.get(holder_id, {}).items())),
    }


async def _owners(uow: UnitOfWork, items: Iterable[Item]) -> dict[Key, str]:
    """By which configuration each object is managed, of those that one manages."""
    query = (
        select(ManagedObject.object_id, Configuration.name)
        .join(Configuration, Configuration.id == ManagedObject.configuration_id)
        .where(Configuration.account == uow.caller.account)
    )
    names = {row.object_id: row.name for row in await uow.execute(query)}
    return {item.key: names[item.id] for item in items if item.id in names}
