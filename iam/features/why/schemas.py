"""Wire shapes of why."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from iam.features.principals.schemas import Output
from iam.features.why.service import Why
from iam.http import examples
from iam.journal.history import PastChange
from iam_policy import as_dict, for_caller, reason

_CHANGE = {
    "event_id": examples.EVENT,
    "type": "iam.service.policy_detached.v1",
    "occurred_at": examples.CHANGED,
    "actor": examples.arn("user/ana"),
    "subject": examples.arn("service/orders"),
    "allowed_before": True,
}
_EXPLANATION: dict[str, Any] = {
    "decision": "implicitDeny",
    "blocked_by": "identity",
    "matched": [],
    "findings": [],
    "granted_by": [],
    "nearest_miss": None,
    "missing_keys": [],
    "sentences": ["denied, because no policy of the caller allows it"],
    "statements": [],
}


class LastChangeOut(Output):
    """The change without which it would have come out otherwise."""

    model_config = ConfigDict(json_schema_extra=examples.example(**_CHANGE))

    event_id: str = Field(description="`GET /v1/audit-events/{event}` tells before and after")
    type: str
    occurred_at: datetime
    actor: str = Field(description="ARN of who did it")
    subject: str = Field(description="ARN of what it happened to")
    allowed_before: bool

    @classmethod
    def of(cls, change: PastChange, *, allowed_before: bool) -> Self:
        """Present a change."""
        return cls(
            event_id=change.id,
            type=change.type,
            occurred_at=change.at,
            actor=change.actor,
            subject=change.subject,
            allowed_before=allowed_before,
        )


class WhyOut(Output):
    """Why something is, or was, allowed or denied."""

    model_config = ConfigDict(
        json_schema_extra=examples.example(
            decision_id=examples.DECISION,
            principal=examples.arn("service/orders"),
            action="billing:GetInvoice",
            resource=examples.INVOICE,
            context={"billing:amount": 120},
            at=examples.ENDS,
            form="full",
            decision="implicitDeny",
            allowed=False,
            message="denied, because no policy of the caller allows it",
            unmet=[],
            explanation=_EXPLANATION,
            allowed_now=False,
            last_change=_CHANGE,
            notes=[],
        )
    )

    decision_id: str | None
    principal: str
    action: str
    resource: str
    context: dict[str, Any] = Field(
        description="condition keys, without those that follow from principal and time"
    )
    at: datetime = Field(description="the instant that it is answered for")
    form: str = Field(
        description="`full` for who may simulate the principal, `short` for the principal itself"
    )
    decision: str = Field(description="allowed, explicitDeny or implicitDeny")
    allowed: bool
    message: str
    unmet: list[str] = Field(
        description="condition keys about the caller's circumstances that stood in the way; in "
        "the short form"
    )
    explanation: dict[str, Any] | None = Field(
        description="what every statement had to say, the nearest miss, the missing keys; in the "
        "full form"
    )
    allowed_now: bool | None = Field(description="today; null if it was asked for today")
    last_change: LastChangeOut | None = Field(
        description="the last change that made it come out so; in the full form"
    )
    notes: list[str] = Field(description="what is not known")

    @classmethod
    def of(cls, why: Why) -> Self:
        """Present an answer, as far as the one who asks may know it."""
        asked, decision = why.asked, why.explanation.decision
        short = None if why.is_full else for_caller(why.explanation)
        change = why.last_change if why.is_full else None
        return cls(
            decision_id=asked.decision_id,
            principal=asked.principal,
            action=asked.action,
            resource=asked.resource,
            # What a service said of a request is told to whom it is about only by itself.
            context=dict(asked.context) if short is None or asked.decision_id is None else {},
            at=why.at,
            form="full" if short is None else "short",
            decision=decision.effect.value,
            allowed=decision.allowed,
            message=reason(decision) if short is None else str(short),
            unmet=[] if short is None else list(short.unmet),
            explanation=as_dict(why.explanation) if short is None else None,
            allowed_now=why.allowed_now,
            last_change=None
            if change is None
            else LastChangeOut.of(change, allowed_before=not decision.allowed),
            notes=list(why.notes) if short is None else [],
        )
