"""Wire shapes of what somebody holds."""

import json
from datetime import datetime
from typing import Self

from pydantic import Field

from iam.features.attachments.queries import Attached
from iam.features.policies.schemas import Document, PolicyReference
from iam.features.principals.schemas import Input, Output
from iam.models import InlinePolicy, Policy
from iam.work import UnitOfWork


class AttachedPolicyOut(Output):
    """A managed policy that is attached."""

    id: str = Field(description="immutable id of the policy")
    arn: str
    name: str
    attached_at: datetime

    @classmethod
    def of(cls, uow: UnitOfWork, attached: Attached) -> Self:
        """Present an attachment."""
        policy = attached.policy
        return cls(
            id=policy.id,
            arn=uow.arn(policy),
            name=policy.name,
            attached_at=attached.attached_at,
        )


class InlinePolicyIn(Input):
    """An inline policy to write."""

    document: Document


class InlinePolicyOut(Output):
    """An inline policy."""

    name: str
    document: Document
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: InlinePolicy) -> Self:
        """Present a row."""
        return cls(
            name=row.name,
            document=json.loads(row.document),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class InlinePolicyNameOut(Output):
    """An inline policy in a list, without its document."""

    name: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: InlinePolicy) -> Self:
        """Present a row."""
        return cls(name=row.name, created_at=row.created_at, updated_at=row.updated_at)


class BoundaryIn(Input):
    """The policy that shall limit a principal."""

    policy: PolicyReference


class BoundaryOut(Output):
    """The policy that limits a principal."""

    id: str = Field(description="immutable id of the policy")
    arn: str
    name: str

    @classmethod
    def of(cls, uow: UnitOfWork, policy: Policy) -> Self:
        """Present a row."""
        return cls(id=policy.id, arn=uow.arn(policy), name=policy.name)
