"""Wire shapes of the audit log."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from iam.features.principals.schemas import Output
from iam.models import AuditEntry


class AuditEventOut(Output):
    """One event: what happened, once, or what was refused."""

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
