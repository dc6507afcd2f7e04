"""Wire shapes of the audit log."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from iam.features.principals.schemas import Input, Output
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
            recorded_at=examples.CHANGED,
            is_unsealed=False,
            is_erased=False,
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
    recorded_at: datetime | None = Field(description="by the clock of the database")
    is_unsealed: bool = Field(description="has no number yet; for a minute at most")
    is_erased: bool = Field(description="what it told of a principal was erased")

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        """Present a row."""
        derived = {
            "is_unsealed": row.sequence is None,
            "is_erased": bool(row.actor_commitment or row.subject_commitment),
        }
        columns = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(columns | derived)


class LinesOut(Output):
    """Lines of the sealed log; see docs/audit-log.md. Read to the end they can be verified."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            lines=[
                {
                    "kind": "log",
                    "format": "iam-audit-log/1",
                    "issuer": examples.ISSUER,
                    "account": examples.ACCOUNT,
                    "chain": examples.ACCOUNT,
                    "tombstone": None,
                }
            ],
            next_cursor=None,
        )
    )

    lines: list[dict[str, Any]]
    next_cursor: str | None = Field(description="for what follows; null at the end")


class PublicKeysOut(Output):
    """The public keys that checkpoints are signed with (RFC 7517 section 5)."""

    model_config = ConfigDict(json_schema_extra=examples.example(keys=[examples.AUDIT_JWK]))

    keys: list[dict[str, Any]]


class ErasureIn(Input):
    """Whom the audit log is to forget."""

    model_config = ConfigDict(json_schema_extra=examples.example(principal=examples.ANA))

    principal: str = Field(max_length=64, description="the id of a principal that is deleted")


class ErasureOut(Output):
    """What was erased."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(principal=examples.ANA, entries=42)
    )

    principal: str
    entries: int = Field(description="entries that told of it")
