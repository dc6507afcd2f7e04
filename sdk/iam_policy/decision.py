"""The answer: what was decided, by which statements, and what stood in the way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from iam_policy.values import quick_value

EffectWord = Literal["Allow", "Deny"]


class Effect(StrEnum):
    """The three answers of AWS's own simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Layer(StrEnum):
    """Where a policy stands: guardrails, the resource, the caller, the caller's limits."""

    SCP = "scp"
    RCP = "rcp"
    RESOURCE = "resource"
    IDENTITY = "identity"
    BOUNDARY = "boundary"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that carried the decision.

    Attributes:
        layer: Where its policy stands.
        policy: The label given to the policy, its ARN or ``inline:name``.
        statement: Its place in the document, from 0.
        sid: Its ``Sid``, if it has one.
        effect: ``Allow`` or ``Deny``.
    """

    layer: Layer
    policy: str
    statement: int
    sid: str | None
    effect: EffectWord


@quick_value
class Decision:
    """The engine's answer.

    Attributes:
        effect: What was decided.
        matched: The Deny that decided, or one Allow of each layer that was needed; empty when
            nothing allowed it.
        blocked_by: The first layer that stood in the way; None if allowed, and when the engine
            itself failed.
        findings: What is wrong with the policies or the request; any finding denies.
    """

    effect: Effect
    matched: tuple[Match, ...] = ()
    blocked_by: Layer | None = None
    findings: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the caller may go ahead."""
        return self.effect is Effect.ALLOWED
