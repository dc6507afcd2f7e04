"""Wire shapes of policies."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from iam.features.catalogues.schemas import FINDING_EXAMPLE, FindingOut, Findings
from iam.features.policies.queries import Entity
from iam.features.policies.rules import version_id
from iam.features.principals.rules import MAX_GROUP_OR_POLICY_NAME
from iam.features.principals.schemas import Description, Input, Output, Path, Tags
from iam.http import examples
from iam.models import SHIPPED_ACCOUNT, Policy, PolicyVersion
from iam.work import UnitOfWork
from iam_policy.lint import Finding

PolicyName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_GROUP_OR_POLICY_NAME, examples=["read-invoices"]),
]
PolicyReference = Annotated[
    str,
    Field(
        min_length=1, max_length=2048, description="name, id or ARN", examples=["ReadOnlyAccess"]
    ),
]
Document = Annotated[
    dict[str, Any],
    Field(
        description="a policy document in the AWS JSON grammar",
        examples=[examples.DOCUMENT],
    ),
]


class PolicyIn(Input):
    """A managed policy to create."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            name="read-invoices",
            description="Shows an invoice beside its order",
            document=examples.DOCUMENT,
        )
    )

    name: PolicyName
    path: Path = "/"
    description: Description = ""
    tags: Tags = Field(default_factory=dict)
    document: Document


class PolicyPatch(Input):
    """What to change of a policy; members that are left out stay as they are."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(description="Shows invoices, and changes none")
    )

    description: Description = ""


class PolicyVersionIn(Input):
    """A version to add."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(document=examples.DOCUMENT, set_as_default=True)
    )

    document: Document
    set_as_default: bool = Field(
        default=False, description="takes `iam:SetDefaultPolicyVersion` besides"
    )


_POLICY = {
    "id": examples.READ_INVOICES,
    "arn": examples.arn("policy/read-invoices"),
    "name": "read-invoices",
    "path": "/",
    "description": "Shows an invoice beside its order",
    "tags": examples.TAGS,
    "is_shipped": False,
    "default_version_id": "v2",
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 4,
}


class PolicyOut(Output):
    """A managed policy."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_POLICY))

    id: str = Field(description="immutable id")
    arn: str
    name: str
    path: str
    description: str
    tags: Tags
    is_shipped: bool = Field(description="comes with the software; nobody can change it")
    default_version_id: str = Field(description="the version that counts", examples=["v1"])
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, row: Policy) -> Self:
        """Present a row."""
        return cls(
            id=row.id,
            arn=uow.arn(row),
            name=row.name,
            path=row.path,
            description=row.description,
            tags=row.tags,
            is_shipped=row.account == SHIPPED_ACCOUNT,
            default_version_id=version_id(row.default_version),
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
        )


class CreatedPolicyOut(PolicyOut):
    """A managed policy that was created, and what lint says about its document."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **{**_POLICY, "default_version_id": "v1", "version": 1}, findings=[FINDING_EXAMPLE]
        )
    )

    findings: Findings

    @classmethod
    def created(cls, uow: UnitOfWork, row: Policy, findings: Iterable[Finding]) -> Self:
        """Present a new row."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**PolicyOut.of(uow, row).model_dump(), findings=shown)


_VERSION = {"version_id": "v2", "is_default": True, "created_at": examples.CHANGED}


class PolicyVersionOut(Output):
    """A version of a policy, without its document."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_VERSION))

    version_id: str = Field(examples=["v1"])
    is_default: bool
    created_at: datetime

    @classmethod
    def of(cls, policy: Policy, row: PolicyVersion) -> Self:
        """Present a row."""
        return cls.model_validate(_members(policy, row))


class PolicyDocumentOut(PolicyVersionOut):
    """A version of a policy with its document."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_VERSION, document=examples.DOCUMENT)
    )

    document: Document

    @classmethod
    def of(cls, policy: Policy, row: PolicyVersion) -> Self:
        """Present a row."""
        return cls.model_validate({**_members(policy, row), "document": json.loads(row.document)})


class CreatedVersionOut(PolicyDocumentOut):
    """A version that was added, and what lint says about its document."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_VERSION, document=examples.DOCUMENT, findings=[FINDING_EXAMPLE]
        )
    )

    findings: Findings

    @classmethod
    def created(cls, policy: Policy, row: PolicyVersion, findings: Iterable[Finding]) -> Self:
        """Present a new row."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**PolicyDocumentOut.of(policy, row).model_dump(), findings=shown)


class EntityOut(Output):
    """Who uses a policy."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            usage="attached",
            kind="service",
            id=examples.ORDERS,
            arn=examples.arn("service/orders"),
            name="orders",
        )
    )

    usage: str = Field(description="`attached` or `boundary`")
    kind: str = Field(description="`user`, `service`, `role` or `group`")
    id: str
    arn: str
    name: str

    @classmethod
    def of(cls, uow: UnitOfWork, entity: Entity) -> Self:
        """Present a row."""
        resource = f"{entity.kind}{entity.path}{entity.name}"
        return cls(
            usage=entity.usage,
            kind=entity.kind,
            id=entity.id,
            arn=uow.arn_of("iam", uow.caller.account, resource),
            name=entity.name,
        )


def _members(policy: Policy, row: PolicyVersion) -> dict[str, object]:
    return {
        "version_id": version_id(row.number),
        "is_default": row.number == policy.default_version,
        "created_at": row.created_at,
    }
