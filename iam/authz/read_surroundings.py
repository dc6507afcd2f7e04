"""Guardrails and resource policies, read from the database in one query."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    String,
    bindparam,
    literal,
    select,
    union_all,
)

from iam.authz.gather import Reader
from iam.authz.surroundings import (
    INSTALLATION,
    Attached,
    Guardrails,
    Surroundings,
    at_or_above,
    is_assuming,
    owning_account,
    policy_set,
    resource_set,
)
from iam.models import (
    MAIN_ACCOUNT,
    Guardrail,
    GuardrailAttachment,
    Principal,
    PrincipalKind,
    PrincipalStatus,
    ResourcePolicy,
    guardrail_resource,
    resource_key,
)
from iam_policy import Arn, ArnError, DocumentKind, PolicySet

MAX_POLICED = 10_000
"""Resources with a policy, of one account, whose names are kept in memory."""

_RESOURCE = "resource"
_LEVELS = bindparam("levels", type_=String, expanding=True)
_KEYS = bindparam("keys", type_=String, expanding=True)


async def read_surroundings(
    reader: Reader, account: str, *, action: str, resource: str, partition: str
) -> Surroundings:
    """What stands around a principal of this account that does this to this resource."""
    found = await read_resources(reader, account, resources=(resource,), partition=partition)
    if is_assuming(action):
        trust = await _read_trust(reader, resource)
        return found[resource].with_policy(trust, is_required=True)
    return found[resource]


async def read_resources(
    reader: Reader, account: str, *, resources: Iterable[str], partition: str
) -> dict[str, Surroundings]:
    """What stands around a principal of this account, by resource; no role is assumed.

    Reads what the reader's transaction may see: policies of another account's resources are not
    there, and across accounts nothing is allowed without.
    """
    owners = {resource: owning_account(resource, account) for resource in resources}
    keys = {key for one, owner in owners.items() for key in _keys(owner, one)}
    levels = {INSTALLATION, *(f"account/{name}" for name in (account, *owners.values()))}
    wanted = {"levels": sorted(levels), "keys": sorted(keys)}
    rows = (await reader.execute(_BOTH, wanted)).all()
    guardrails = Guardrails(_attached(rows, partition))
    documents = {(row.level, row.name): row.document for row in rows if row.kind == _RESOURCE}
    found = {}
    for resource, owner in owners.items():
        above = [(owner, one) for one in at_or_above(resource)]
        mine = {key[1]: documents[key] for key in above if key in documents}
        found[resource] = guardrails.around(account, owner).with_policy(resource_set(mine))
    return found


async def read_guardrails(reader: Reader, *, partition: str) -> Guardrails:
    """The guardrails of all accounts."""
    return Guardrails(_attached((await reader.execute(_ATTACHED)).all(), partition))


async def read_policed(reader: Reader, account: str) -> frozenset[str] | None:
    """The resources of an account that have a policy; `None` if they are too many to remember."""
    found = (await reader.execute(_POLICED, {"account": account})).scalars().all()
    return frozenset(found) if len(found) <= MAX_POLICED else None


async def read_policies(reader: Reader, account: str, resource: str) -> Mapping[str, str]:
    """The documents that reach a resource of this account, by the resource they belong to."""
    found = await reader.execute(_POLICIES, {"keys": _keys(account, resource)})
    return {row.name: row.document for row in found}


def principal_named(arn: str, *columns: Any) -> Select[Any] | None:
    """The query for these columns of the principal with this ARN.

    `None` if no principal can have it. The name is compared without case.
    """
    try:
        parts = Arn.parse(arn)
    except ArnError:
        return None
    kind, _, rest = parts.resource.partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if parts.service != "iam" or not name:
        return None
    return select(*columns).where(
        Principal.account == parts.account,
        Principal.kind == kind,
        Principal.path == f"{path}/",
        Principal.name_key == name.casefold(),
    )


async def _read_trust(reader: Reader, role: str) -> PolicySet | None:
    columns = Principal.__table__.c
    query = principal_named(role, columns.name, columns.trust_policy)
    if query is None:
        return None
    is_role = (columns.kind == PrincipalKind.ROLE) & (columns.status == PrincipalStatus.ACTIVE)
    row = (await reader.execute(query.where(is_role))).one_or_none()
    if row is None or not role.endswith(f"/{row.name}"):
        return None
    return policy_set([(role, row.trust_policy)], DocumentKind.TRUST)


def _keys(owner: str, resource: str) -> list[str]:
    return [resource_key(owner, one) for one in at_or_above(resource)]


def _attached(rows: Iterable[Any], partition: str) -> list[Attached]:
    prefix = f"arn:{partition}:organizations::{MAIN_ACCOUNT}:"
    return [
        Attached(
            row.kind,
            row.level,
            row.name,
            prefix + guardrail_resource(row.kind, row.name),
            row.document,
        )
        for row in rows
        if row.kind != _RESOURCE
    ]


def _guardrails(*conditions: ColumnElement[bool]) -> Select[str, str, str, str]:
    return (
        select(Guardrail.kind, GuardrailAttachment.level, Guardrail.name, Guardrail.document)
        .join(GuardrailAttachment, GuardrailAttachment.guardrail_id == Guardrail.id)
        .where(*conditions)
    )


def _policies() -> Select[str, str, str, str]:
    return select(
        literal(_RESOURCE).label("kind"),
        ResourcePolicy.account.label("level"),
        ResourcePolicy.resource.label("name"),
        ResourcePolicy.document,
    ).where(ResourcePolicy.resource_key.in_(_KEYS))


# Built once: building a statement takes several times as long as running it.
_ATTACHED: Executable = _guardrails().order_by(GuardrailAttachment.id)
_POLICIES: Executable = _policies()
_BOTH: Executable = union_all(_guardrails(GuardrailAttachment.level.in_(_LEVELS)), _policies())
_POLICED: Executable = (
    select(ResourcePolicy.resource)
    .where(ResourcePolicy.account == bindparam("account", type_=String))
    .limit(MAX_POLICED + 1)
)
