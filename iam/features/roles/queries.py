"""Roles with their trust policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iam.features.principal_elements.queries import readable
from iam.models import Role
from iam.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role and its trust policy as people read it, with ARNs for ids."""

    row: Role
    trust_policy: dict[str, Any]


async def views(uow: UnitOfWork, rows: Sequence[Role]) -> list[RoleView]:
    """These roles with their trust policies."""
    documents = await readable(uow, [row.trust_policy or "{}" for row in rows])
    return [RoleView(row, document) for row, document in zip(rows, documents, strict=True)]
