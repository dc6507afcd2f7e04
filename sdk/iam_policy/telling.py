"""How an outcome is told: in full to administrators, in short and safely to the caller.

What the caller may read is decided here. It is told its own action, which layer stood in the way,
and at most the name of a condition key about its own circumstances; never a policy's name, text or
value, never who else is named, and nothing of what guardrails or other people's resources contain.
"""

from base64 import b64encode
from dataclasses import dataclass
from math import isfinite
from typing import Any

from iam_policy.decision import Decision, Effect, Layer, Match
from iam_policy.explain import Explanation
from iam_policy.nearest import Miss, nearest_miss
from iam_policy.traces import ClauseVerdict, Trace

_JSON_BITS = 63  # what every reader of JSON can take

_BLOCKED = {
    Layer.SCP: "no guardrail for principals allows it at every level",
    Layer.RCP: "no guardrail for resources allows it at every level",
    Layer.RESOURCE: "the resource's policy does not allow it to this caller",
    Layer.IDENTITY: "no policy of the caller allows it",
    Layer.BOUNDARY: "the permissions boundary does not allow it",
    Layer.SESSION: "the session policy does not allow it",
}
_NO_ALLOW = {
    Layer.SCP: "a guardrail does not allow",
    Layer.RCP: "a guardrail does not allow",
    Layer.RESOURCE: "the resource's policy does not allow you",
    Layer.IDENTITY: "no policy allows",
    Layer.BOUNDARY: "your permissions boundary does not allow",
    Layer.SESSION: "your session policy does not allow",
}
_DENY = {
    Layer.SCP: "a guardrail denies",
    Layer.RCP: "a guardrail denies",
    Layer.RESOURCE: "the resource's policy denies you",
    Layer.IDENTITY: "a policy denies",
    Layer.BOUNDARY: "your permissions boundary denies",
    Layer.SESSION: "your session policy denies",
}
# Layers that are the caller's own, and keys that are facts about its own request. A tag key is
# left out: its name is an administrator's, and may say more than the caller should know.
_OWN_LAYERS = (Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION)
_OWN_CIRCUMSTANCES = {
    f"{prefix}:{name.lower()}": f"{prefix}:{name}"
    for prefix in ("iam", "aws")
    for name in (
        "AuthenticatorAssuranceLevel",
        "CurrentTime",
        "EpochTime",
        "MultiFactorAuth",
        "MultiFactorAuthAge",
        "MultiFactorAuthPresent",
        "SecureTransport",
        "SourceIp",
        "TokenIssueTime",
    )
}


@dataclass(frozen=True, slots=True)
class CallerReason:
    """What a refused caller may know.

    Attributes:
        effect: What was decided.
        action: What the caller asked for.
        layer: The layer that stood in the way; None if allowed or undecidable.
        unmet: Condition keys about the caller's circumstances, one of which would have to be
            different; empty unless conditions on nothing else were the only obstacle.
    """

    effect: Effect
    action: str
    layer: Layer | None = None
    unmet: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.effect is Effect.ALLOWED:
            return f"{self.action} is allowed on this resource"
        if self.layer is None:
            return "the request could not be decided"
        words = _DENY if self.effect is Effect.EXPLICIT_DENY else _NO_ALLOW
        sentence = f"{words[self.layer]} {self.action} on this resource"
        if self.unmet:
            sentence += f"; a condition on {' and '.join(self.unmet)} was not met"
        return sentence

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "decision": self.effect.value,
            "action": self.action,
            "blocked_by": self.layer,
            "unmet": list(self.unmet),
            "message": str(self),
        }


def for_caller(explanation: Explanation) -> CallerReason:
    """Return what may be told to the caller."""
    decision, action = explanation.decision, explanation.request.action
    if decision.findings:  # they name policies
        return CallerReason(decision.effect, action)
    miss = nearest_miss(explanation)
    unmet = _own_obstacles(miss) if miss is not None else ()
    return CallerReason(decision.effect, action, decision.blocked_by, unmet)


def reason(decision: Decision) -> str:
    """Say in one sentence why a decision came out as it did, for administrators."""
    if decision.findings:
        return f"denied, because the question could not be decided: {decision.findings[0]}"
    statements = _names(decision.matched)
    if decision.effect is Effect.ALLOWED:
        return f"allowed by {statements}" if statements else "allowed to the account itself"
    if decision.effect is Effect.EXPLICIT_DENY:
        return f"denied by {statements}"
    return f"denied, because {_BLOCKED[decision.blocked_by or Layer.IDENTITY]}"


def sentences(explanation: Explanation) -> tuple[str, ...]:
    """Say in full why a decision came out as it did, for administrators."""
    decision = explanation.decision
    found = [reason(decision)]
    if not decision.allowed and explanation.granted_by:
        found.append(f"otherwise allowed by {_names(explanation.granted_by)}")
    miss = nearest_miss(explanation)
    if miss is not None:
        found.append(_of_miss(miss))
    if not decision.allowed and explanation.missing_keys:
        found.append(f"missing keys: {', '.join(explanation.missing_keys)}")
    return tuple(found)


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """Return the full account ready for JSON, for administrators."""
    decision, miss = explanation.decision, nearest_miss(explanation)
    return {
        "decision": decision.effect.value,
        "blocked_by": decision.blocked_by,
        "matched": [_match(match) for match in decision.matched],
        "findings": list(decision.findings),
        "granted_by": [_match(match) for match in explanation.granted_by],
        "nearest_miss": None if miss is None else _match(miss.match) | {"failed": [*miss.failed]},
        "missing_keys": list(explanation.missing_keys),
        "sentences": list(sentences(explanation)),
        "statements": [_trace(trace) for trace in explanation.traces],
    }


def _own_obstacles(miss: Miss) -> tuple[str, ...]:
    trace = miss.trace
    failed = [one.key.lower() for one in trace.clauses if not one.holds]
    if trace.layer not in _OWN_LAYERS or len(failed) != len(miss.failed):
        return ()
    known = [_OWN_CIRCUMSTANCES[key] for key in failed if key in _OWN_CIRCUMSTANCES]
    return tuple(known) if len(known) == len(failed) else ()


def _of_miss(miss: Miss) -> str:
    layer = miss.match.layer.value
    verdicts = {str(one): one for one in miss.trace.clauses if not one.holds}
    obstacles = [_of_clause(verdicts[one]) if one in verdicts else one for one in miss.failed]
    return f"nearest in layer {layer}: {_name(miss.match)}, kept from matching by " + " and ".join(
        obstacles
    )


def _of_clause(verdict: ClauseVerdict) -> str:
    found = "which the request does not have" if verdict.is_missing else "which differs"
    return f"condition {verdict}, {found}"


def _names(matches: tuple[Match, ...]) -> str:
    return ", ".join(map(_name, matches))


def _name(match: Match) -> str:
    return f"{match.policy} statement {match.sid or match.statement}"


def _match(match: Match) -> dict[str, Any]:
    return {
        "layer": match.layer.value,
        "policy": match.policy,
        "statement": match.statement,
        "sid": match.sid,
        "effect": match.effect,
    }


def _trace(trace: Trace) -> dict[str, Any]:
    return _match(trace.match) | {
        "level": trace.level,
        "applies": trace.applies,
        "action": trace.action,
        "resource": trace.resource,
        "principal": trace.principal,
        "variables": trace.variables,
        "conditions": [_clause(one) for one in trace.clauses],
    }


def _clause(verdict: ClauseVerdict) -> dict[str, Any]:
    return {
        "operator": verdict.operator,
        "key": verdict.key,
        "values": list(verdict.values),
        "found": _plain(verdict.found),
        "missing": verdict.is_missing,
        "variables": verdict.variables,
        "holds": verdict.holds,
    }


def _plain(value: object) -> Any:
    """Return a context value as JSON can write it."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list | tuple | set | frozenset):
        plain = [_plain(one) for one in value]
        return sorted(plain, key=str) if isinstance(value, set | frozenset) else plain
    if isinstance(value, float) and not isfinite(value):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > _JSON_BITS:
        return hex(value)  # decimal digits of a huge number are refused by Python itself
    return value if value is None or isinstance(value, str | int | float) else repr(value)
