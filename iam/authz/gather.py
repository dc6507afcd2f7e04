"""The facts of a principal, read from the database in three queries."""

from typing import Any, Protocol

from sqlalchemy import (
    Executable,
    Result,
    String,
    and_,
    bindparam,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from iam.authz.facts import PrincipalFacts
from iam.authz.surroundings import policy_set
from iam.models import (
    Account,
    AccountStatus,
    GroupMembership,
    InlinePolicy,
    Policy,
    PolicyAttachment,
    PolicyVersion,
    Principal,
    PrincipalStatus,
)
from iam_policy import DocumentKind, PolicySet

_ID = bindparam("principal_id", type_=String)
_GROUP_IDS = bindparam("groups", type_=String, expanding=True)


class Reader(Protocol):
    """A session or a connection: something that runs a query."""

    async def execute(self, statement: Executable, parameters: Any = None, /) -> Result[Any]:
        """Run the query."""


async def gather(reader: Reader, principal_id: str, *, partition: str) -> PrincipalFacts | None:
    """Everything the engine must know of this principal; `None` if there is none."""
    one = {"principal_id": principal_id}
    row = (await reader.execute(_PRINCIPAL, one)).one_or_none()
    if row is None:
        return None
    groups = (await reader.execute(_GROUPS, one)).scalars().all()
    documents = (await reader.execute(_DOCUMENTS, {**one, "groups": groups})).all()
    policies = [(_label(partition, found), found.document) for found in documents]
    used = {found.policy_id for found in documents if found.policy_id}
    boundary = None
    if row.boundary_policy_id is not None:
        label = f"arn:{partition}:iam::{row.boundary_account}:policy{row.boundary_path}"
        boundary = policy_set(
            [(label + row.boundary_name, row.boundary_document)], DocumentKind.BOUNDARY
        )
        used.add(row.boundary_policy_id)
    return PrincipalFacts(
        id=row.id,
        arn=f"arn:{partition}:iam::{row.account}:{row.kind}{row.path}{row.name}",
        account=row.account,
        kind=row.kind,
        name=row.name,
        is_active=(
            row.status == PrincipalStatus.ACTIVE and row.account_status == AccountStatus.ACTIVE
        ),
        epoch=row.principal_epoch,
        tags=row.tags,
        identity=policy_set(policies, DocumentKind.IDENTITY),
        boundary=boundary,
        trust=_trust(row, partition),
        depends_on=frozenset({row.id, f"account:{row.account}", *groups, *used}),
    )


def _trust(row: Any, partition: str) -> PolicySet | None:
    if row.trust_policy is None:
        return None
    arn = f"arn:{partition}:iam::{row.account}:{row.kind}{row.path}{row.name}"
    return policy_set([(arn, row.trust_policy)], DocumentKind.TRUST)


def _principal() -> Executable:
    boundary, version = aliased(Policy), aliased(PolicyVersion)
    current = and_(version.policy_id == boundary.id, version.number == boundary.default_version)
    return (
        select(
            *(Principal.__table__.c[name] for name in _PRINCIPAL_COLUMNS),
            Account.status.label("account_status"),
            boundary.account.label("boundary_account"),
            boundary.path.label("boundary_path"),
            boundary.name.label("boundary_name"),
            version.document.label("boundary_document"),
        )
        .join_from(Principal, Account, Account.name == Principal.account)
        .outerjoin(boundary, boundary.id == Principal.boundary_policy_id)
        .outerjoin(version, current)
        .where(Principal.id == _ID)
    )


_PRINCIPAL_COLUMNS = (
    "id", "account", "kind", "path", "name", "status", "tags", "principal_epoch",
    "boundary_policy_id", "trust_policy",
)  # fmt: skip


def _documents() -> Executable:
    """Attached and inline documents, the principal's own and its groups'."""
    attached = (
        select(
            Policy.id.label("policy_id"),
            Policy.account,
            Policy.path,
            Policy.name,
            PolicyVersion.document,
        )
        .join(PolicyAttachment, PolicyAttachment.policy_id == Policy.id)
        .join(
            PolicyVersion,
            and_(
                PolicyVersion.policy_id == Policy.id,
                PolicyVersion.number == Policy.default_version,
            ),
        )
        .where(
            or_(
                PolicyAttachment.principal_id == _ID,
                PolicyAttachment.group_id.in_(_GROUP_IDS),
            )
        )
    )
    inline = select(
        null().label("policy_id"),
        InlinePolicy.account,
        literal("").label("path"),
        InlinePolicy.name,
        InlinePolicy.document,
    ).where(or_(InlinePolicy.principal_id == _ID, InlinePolicy.group_id.in_(_GROUP_IDS)))
    return union_all(attached, inline)


# Built once: building a statement takes several times as long as running it.
_PRINCIPAL = _principal()
_GROUPS = select(GroupMembership.group_id).where(GroupMembership.principal_id == _ID)
_DOCUMENTS = _documents()


def _label(partition: str, found: Any) -> str:
    if found.policy_id is None:
        return f"inline:{found.name}"
    return f"arn:{partition}:iam::{found.account}:policy{found.path}{found.name}"
