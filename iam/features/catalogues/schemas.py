"""Wire shapes of action catalogues, and of what lint finds by them."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field

from iam.features.catalogues.queries import CatalogueView
from iam.features.principals.schemas import Input, Output
from iam.http import examples
from iam.work import UnitOfWork
from iam_policy.lint import Finding, Severity

_CATALOGUE = {
    "prefix": "billing",
    "actions": [
        {"name": "GetInvoice", "access_level": "read", "resource_types": ["invoice"]},
        {"name": "ListInvoices", "access_level": "list"},
    ],
    "resource_types": [
        {"name": "invoice", "arn_format": "arn:${Partition}:billing::${Account}:invoice/${Id}"}
    ],
    "condition_keys": [{"name": "billing:Currency", "type": "String"}],
}
_MEMBERS = {
    "id": examples.CATALOGUE,
    "arn": examples.arn("action-catalogue/billing"),
    "prefix": "billing",
    "is_shipped": False,
    "owner": {"id": examples.BILLING, "arn": examples.arn("service/billing")},
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 2,
}

Document = Annotated[
    dict[str, Any],
    Field(
        description=(
            "`prefix`, `actions` (each `name`, `access_level`, and perhaps `resource_types`, "
            "`condition_keys`, `description`), and perhaps `resource_types` (`name`, "
            "`arn_format`, `condition_keys`) and `condition_keys` (`name`, `type`)"
        ),
        examples=[_CATALOGUE],
    ),
]


class CatalogueIn(Input):
    """A catalogue to register, or to put in place of the present one."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(owner="service/billing", document=_CATALOGUE)
    )

    owner: str | None = Field(
        default=None,
        min_length=1,
        max_length=700,
        description=(
            "the service that the prefix belongs to: `service/billing`, an ARN, or an id; "
            "by default the service that calls, and for a person the present owner"
        ),
        examples=["service/billing"],
    )
    document: Document


class CatalogueOwnerOut(Output):
    """The service that a prefix belongs to."""

    id: str = Field(description="immutable id")
    arn: str


class CatalogueNameOut(Output):
    """A catalogue in a list, without its document."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_MEMBERS))

    id: str | None = Field(description="immutable id; null of this service's own")
    arn: str
    prefix: str
    is_shipped: bool = Field(description="is about this service itself; nobody can change it")
    owner: CatalogueOwnerOut | None = Field(description="null of this service's own")
    created_at: datetime | None
    updated_at: datetime | None
    version: int | None = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, view: CatalogueView) -> Self:
        """Present a catalogue."""
        return cls.model_validate(_members(uow, view))


class CatalogueOut(CatalogueNameOut):
    """A catalogue."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_MEMBERS, document=_CATALOGUE))

    document: Document

    @classmethod
    def of(cls, uow: UnitOfWork, view: CatalogueView) -> Self:
        """Present a catalogue with its document."""
        return cls.model_validate({**_members(uow, view), "document": json.loads(view.document)})


FINDING_EXAMPLE: Final = {
    "code": "unknown-action",
    "severity": "error",
    "path": "$.Statement[0].Action",
    "message": "`billing:Get*` matches no registered action",
    "advice": "correct the name, or register the action in its service's catalogue",
}


class FindingOut(Output):
    """What lint says about a document that is valid."""

    model_config = ConfigDict(json_schema_extra=examples.example(**FINDING_EXAMPLE))

    code: str = Field(description="which rule; stable")
    severity: Severity
    path: str = Field(description="JSON path of what it is about")
    message: str
    advice: str

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Present a finding."""
        return cls(
            code=finding.code,
            severity=finding.severity,
            path=finding.path,
            message=finding.message,
            advice=finding.advice,
        )


Findings = Annotated[
    list[FindingOut],
    Field(description="what lint says, by the catalogues of the account; it refuses nothing"),
]


def _members(uow: UnitOfWork, view: CatalogueView) -> dict[str, object]:
    arn = uow.arn_of("iam", uow.caller.account, f"action-catalogue/{view.prefix}")
    owner = None if view.owner_id is None else {"id": view.owner_id, "arn": view.owner_arn}
    return {
        "id": view.id,
        "arn": arn,
        "prefix": view.prefix,
        "is_shipped": view.id is None,
        "owner": owner,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
        "version": view.version,
    }
