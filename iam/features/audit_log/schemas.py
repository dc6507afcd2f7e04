"""Wire shapes of the audit log."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from iam.features.principals.schemas import Output
from iam.http import examples
from iam.models import AuditEntry


class AuditEventOut(Output):
    """One event: what happened, once, or what was refused."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            id=examples.EVENT,
            sequence=4127,
            type="iam.user.updated.v1",
            outcome="success",
            occurred_at=examples.CHANGED,
            actor=examples.arn("service/admin"),
            actor_id="svc_01kjpze830evqa34j7z8dbdy0a",
            subject=examples.arn("user/ana"),
            target_id=examples.ANA,
            before={"display_name": "Ana Costa"},
            after={"display_name": "Ana Costa Silva"},
            detail=None,
            request_id=examples.REQUEST,
            decision_id=examples.DECISION,
            source_address="192.0.2.17",
        )
    )

    id: str
    sequence: int | None = Field(description="gapless number, given when the entry is sealed")
    type: str = Field(examples=["iam.user.created.v1"])
    outcome: str = Field(description="success or denied")
    occurred_at: datetime
    actor: str = Field(description="ARN of who did it")
    actor_id: str
    subject: str = Field(description="ARN of what it happened to")
    target_id: str
    before: dict[str, Any] | None = Field(description="values before, of what changed")
    after: dict[str, Any] | None = Field(description="values after, of what changed")
    detail: dict[str, Any] | None
    request_id: str
    decision_id: str | None
    source_address: str | None

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        """Present a row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
