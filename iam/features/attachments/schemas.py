"""Wire shapes of what somebody holds."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import ConfigDict, Field

from iam.features.attachments.queries import Attached
from iam.features.catalogues.schemas import FINDING_EXAMPLE, FindingOut, Findings
from iam.features.policies.schemas import Document, PolicyReference
from iam.features.principals.schemas import Input, Output
from iam.http import examples
from iam.models import InlinePolicy, Policy, Principal
from iam.work import UnitOfWork
from iam_policy.lint import Finding

_POLICY = {
    "id": examples.READ_INVOICES,
    "arn": examples.arn("policy/read-invoices"),
    "name": "read-invoices",
}
_INLINE = {
    "name": "own-invoices",
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 2,
}


class AttachedPolicyOut(Output):
    """A managed policy that is attached."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_POLICY, attached_at=examples.CREATED)
    )

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

    model_config = ConfigDict(json_schema_extra=examples.example(document=examples.DOCUMENT))

    document: Document


class InlinePolicyOut(Output):
    """An inline policy."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_INLINE, document=examples.DOCUMENT)
    )

    name: str
    document: Document
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, row: InlinePolicy) -> Self:
        """Present a row."""
        return cls(
            name=row.name,
            document=json.loads(row.document),
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class PutInlinePolicyOut(InlinePolicyOut):
    """An inline policy that was written, and what lint says about it."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_INLINE, document=examples.DOCUMENT, findings=[FINDING_EXAMPLE]
        )
    )

    findings: Findings

    @classmethod
    def put(cls, row: InlinePolicy, findings: Iterable[Finding]) -> Self:
        """Present a written row."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**InlinePolicyOut.of(row).model_dump(), findings=shown)


class InlinePolicyNameOut(Output):
    """An inline policy in a list, without its document."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_INLINE))

    name: str
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, row: InlinePolicy) -> Self:
        """Present a row."""
        return cls(
            name=row.name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class BoundaryIn(Input):
    """The policy that shall limit a principal."""

    model_config = ConfigDict(json_schema_extra=examples.example(policy="developers-at-most"))

    policy: PolicyReference


class BoundaryOut(Output):
    """The policy that limits a principal."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.DEVELOPERS_AT_MOST,
            arn=examples.arn("policy/developers-at-most"),
            name="developers-at-most",
            version=4,
        )
    )

    id: str = Field(description="immutable id of the policy")
    arn: str
    name: str
    version: int = Field(description="of the principal; also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, limited: Principal, policy: Policy) -> Self:
        """Present the boundary of a principal."""
        return cls(id=policy.id, arn=uow.arn(policy), name=policy.name, version=limited.version)
