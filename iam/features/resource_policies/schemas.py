"""Wire shapes of resource policies."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from iam.features.catalogues.schemas import FINDING_EXAMPLE, FindingOut, Findings
from iam.features.principals.schemas import Input, Output
from iam.features.resource_policies.queries import ResourcePolicyView
from iam.http import examples
from iam.models import ResourcePolicy
from iam_policy.lint import Finding

ResourceDocument = Annotated[
    dict[str, Any],
    Field(
        description="who may do what; principals are shown by ARN and kept by id",
        examples=[examples.RESOURCE_POLICY],
    ),
]


class ResourcePolicyIn(Input):
    """The policy that a resource is to have."""

    model_config = ConfigDict(json_schema_extra=examples.example(document=examples.RESOURCE_POLICY))

    document: ResourceDocument


_POLICY = {
    "id": examples.INVOICE_POLICY,
    "resource": examples.INVOICE,
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 2,
}


class ResourcePolicyOut(Output):
    """The policy of a resource, without its document."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_POLICY))

    id: str = Field(description="immutable id")
    resource: str = Field(description="the ARN it belongs to; it reaches what is below that")
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, row: ResourcePolicy) -> Self:
        """Present a row."""
        return cls.model_validate(_members(row))


class ResourceDocumentOut(ResourcePolicyOut):
    """The policy of a resource with its document."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_POLICY, document=examples.RESOURCE_POLICY)
    )

    document: ResourceDocument

    @classmethod
    def showing(cls, view: ResourcePolicyView) -> Self:
        """Present a row and its document."""
        return cls.model_validate({**_members(view.row), "document": view.document})


class PutResourcePolicyOut(ResourceDocumentOut):
    """The policy of a resource that was written, and what lint says about it."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_POLICY, document=examples.RESOURCE_POLICY, findings=[FINDING_EXAMPLE]
        )
    )

    findings: Findings

    @classmethod
    def put(cls, view: ResourcePolicyView, findings: Iterable[Finding]) -> Self:
        """Present a written policy."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**ResourceDocumentOut.showing(view).model_dump(), findings=shown)


def _members(row: ResourcePolicy) -> dict[str, object]:
    return {
        "id": row.id,
        "resource": row.resource,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
    }
