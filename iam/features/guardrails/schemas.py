"""Wire shapes of guardrails."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from iam.features.catalogues.schemas import FINDING_EXAMPLE, FindingOut, Findings
from iam.features.guardrails.rules import parse_level
from iam.features.principals.schemas import Description, Input, Output
from iam.http import examples
from iam.models import MAIN_ACCOUNT, Guardrail, GuardrailAttachment
from iam.work import UnitOfWork
from iam_policy.lint import Finding

GuardrailDocument = Annotated[
    dict[str, Any],
    Field(description="a policy document without principals", examples=[examples.GUARDRAIL]),
]


class GuardrailIn(Input):
    """What a guardrail is to say."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            description="Keeps the audit log where it is", document=examples.GUARDRAIL
        )
    )

    document: GuardrailDocument
    description: Description = ""


_GUARDRAIL = {
    "id": examples.KEEP_AUDIT_LOG,
    "arn": "arn:iam:organizations::main:policy/service_control_policy/keep-audit-log",
    "kind": "scp",
    "name": "keep-audit-log",
    "description": "Keeps the audit log where it is",
    "is_shipped": False,
    "created_at": examples.CREATED,
    "updated_at": examples.CHANGED,
    "version": 2,
}


class GuardrailOut(Output):
    """A guardrail, without its document."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_GUARDRAIL))

    id: str = Field(description="immutable id")
    arn: str
    kind: str = Field(description="`scp` binds principals, `rcp` resources")
    name: str
    description: str
    is_shipped: bool = Field(description="comes with the software; nobody can change it")
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="also the ETag")

    @classmethod
    def of(cls, uow: UnitOfWork, row: Guardrail) -> Self:
        """Present a row."""
        return cls.model_validate(_members(uow, row))


class GuardrailDocumentOut(GuardrailOut):
    """A guardrail with its document."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(**_GUARDRAIL, document=examples.GUARDRAIL)
    )

    document: GuardrailDocument

    @classmethod
    def of(cls, uow: UnitOfWork, row: Guardrail) -> Self:
        """Present a row."""
        return cls.model_validate({**_members(uow, row), "document": json.loads(row.document)})


class PutGuardrailOut(GuardrailDocumentOut):
    """A guardrail that was written, and what lint says about it."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            **_GUARDRAIL, document=examples.GUARDRAIL, findings=[FINDING_EXAMPLE]
        )
    )

    findings: Findings

    @classmethod
    def put(cls, uow: UnitOfWork, row: Guardrail, findings: Iterable[Finding]) -> Self:
        """Present a written row."""
        shown = [FindingOut.of(finding) for finding in findings]
        return cls(**GuardrailDocumentOut.of(uow, row).model_dump(), findings=shown)


class TargetOut(Output):
    """What a guardrail is attached to."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            target="account/rehearsal",
            arn="arn:iam:organizations::main:account/rehearsal",
            attached_at=examples.CREATED,
        )
    )

    target: str = Field(description="`installation`, or `account/` and its name")
    arn: str
    attached_at: datetime

    @classmethod
    def of(cls, uow: UnitOfWork, row: GuardrailAttachment) -> Self:
        """Present a row."""
        service, resource = parse_level(row.level).arn_parts
        arn = uow.arn_of(service, MAIN_ACCOUNT, resource)
        return cls(target=row.level, arn=arn, attached_at=row.created_at)


def _members(uow: UnitOfWork, row: Guardrail) -> dict[str, object]:
    return {
        "id": row.id,
        "arn": uow.arn(row),
        "kind": row.kind,
        "name": row.name,
        "description": row.description,
        "is_shipped": row.is_shipped,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
    }
