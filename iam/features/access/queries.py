"""Reading the policies of resources and roles that name a principal. Bound to one account."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import or_, select

from iam.authz.facts import PrincipalFacts
from iam.authz.surroundings import policy_set
from iam.features.access.rules import Path, naming_paths
from iam.models import ResourcePolicy, Role
from iam.work import UnitOfWork
from iam_policy import DocumentKind

CHUNK: Final = 500

Written = tuple[Path, str]
"""A statement and the document that it stands in."""


async def granted_by_resources(uow: UnitOfWork, facts: PrincipalFacts) -> list[Written]:
    """The statements of resource policies that name this principal, or everybody."""
    query = select(ResourcePolicy.id, ResourcePolicy.resource, ResourcePolicy.document).where(
        ResourcePolicy.account == facts.account, _naming(ResourcePolicy.document, facts)
    )
    found: list[Written] = []
    async for rows in _chunks(uow, query, ResourcePolicy.id):
        found += _paths([(row.resource, row.document) for row in rows], facts)
    return found


async def granted_by_trust(uow: UnitOfWork, facts: PrincipalFacts) -> list[Written]:
    """The statements of trust policies that let this principal assume a role."""
    columns = Role.__table__.c
    query = select(columns.id, columns.path, columns.name, columns.trust_policy).where(
        columns.account == facts.account,
        columns.kind == "role",
        _naming(columns.trust_policy, facts),
    )
    found: list[Written] = []
    async for rows in _chunks(uow, query, columns.id):
        documents = [
            (uow.arn_of("iam", facts.account, f"role{row.path}{row.name}"), row.trust_policy)
            for row in rows
        ]
        found += _paths(documents, facts, kind=DocumentKind.TRUST)
    return found


def _naming(document: Any, facts: PrincipalFacts) -> Any:
    """Principals are stored by id; the rest is told apart by the engine."""
    return or_(document.contains(facts.id, autoescape=True), document.contains('"*"'))


async def _chunks(uow: UnitOfWork, query: Any, key: Any) -> Any:
    last = ""
    while True:
        some = query.where(key > last).order_by(key).limit(CHUNK)
        rows: Sequence[Any] = (await uow.execute(some)).all()
        yield rows
        if len(rows) < CHUNK:
            return
        last = rows[-1].id


def _paths(
    documents: list[tuple[str, str]],
    facts: PrincipalFacts,
    *,
    kind: DocumentKind = DocumentKind.RESOURCE,
) -> list[Written]:
    texts = dict(documents)
    return [(path, texts[path.policy]) for path in naming_paths(policy_set(documents, kind), facts)]
