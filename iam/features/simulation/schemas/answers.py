"""How the outcome of a simulation is written."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from iam.features.simulation.rules import Simulation
from iam.features.simulation.service import Outcome, Result, Simulated, most_restrictive
from iam.models import SHIPPED_ACCOUNT
from iam_policy import Layer, Match
from iam_policy.positions import Position, Span, statement_spans

_Present = Callable[[Match], dict[str, Any]]


def outcome_out(outcome: Outcome, simulation: Simulation) -> dict[str, Any]:
    """The answer."""
    present = _presenter(simulation)
    return {
        "evaluation_results": [
            _evaluation(simulated, simulation, present) for simulated in outcome.simulated
        ],
        "is_truncated": outcome.marker is not None,
        "marker": outcome.marker,
    }


def _evaluation(simulated: Simulated, simulation: Simulation, present: _Present) -> dict[str, Any]:
    """One action. What stands outside `resource_specific_results` is about all resources."""
    results = simulated.results
    effect = most_restrictive(results)
    decisive = [result for result in results if result.decision.effect is effect]
    first = decisive[0]
    return {
        "eval_action_name": simulated.action,
        "eval_resource_name": results[0].resource if len(results) == 1 else None,
        "eval_decision": effect.value,
        "blocked_by": first.decision.blocked_by,
        "matched_statements": _distinct(present(one) for each in decisive for one in each.matched),
        "missing_context_values": sorted({key for each in results for key in each.missing_keys}),
        "organizations_decision_detail": _detail(
            "allowed_by_organizations", [each.allowed_by_guardrails for each in results]
        ),
        "permissions_boundary_decision_detail": _detail(
            "allowed_by_permissions_boundary", [each.allowed_by_boundary for each in results]
        ),
        "eval_decision_details": first.by_layer if simulation.names_resources else None,
        "explanation": list(first.told),
        "resource_specific_results": [
            _resource(each, present) for each in results if simulation.names_resources
        ],
    }


def _resource(result: Result, present: _Present) -> dict[str, Any]:
    return {
        "eval_resource_name": result.resource,
        "eval_resource_decision": result.decision.effect.value,
        "blocked_by": result.decision.blocked_by,
        "matched_statements": _distinct(map(present, result.matched)),
        "missing_context_values": result.missing_keys,
        "permissions_boundary_decision_detail": _detail(
            "allowed_by_permissions_boundary", [result.allowed_by_boundary]
        ),
        "eval_decision_details": result.by_layer,
        "explanation": list(result.told),
    }


def _detail(name: str, verdicts: list[bool | None]) -> dict[str, bool] | None:
    """One of AWS's structures with one member; null where nothing of the kind takes part."""
    known = [verdict for verdict in verdicts if verdict is not None]
    return {name: all(known)} if known else None


def _distinct(statements: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({json.dumps(one, sort_keys=True): one for one in statements}.values())


def _presenter(simulation: Simulation) -> _Present:
    """A function that presents a statement, with its place in a document of the request."""
    spans: dict[str, tuple[Span, ...]] = {}

    def present(match: Match) -> dict[str, Any]:
        text = simulation.texts.get(match.policy)
        if text is not None and match.policy not in spans:
            spans[match.policy] = statement_spans(text)
        span = spans[match.policy][match.statement] if text is not None else None
        return {
            "source_policy_id": match.policy,
            "source_policy_type": "none" if text is not None else _type(match),
            "start_position": position_out(span.start) if span else None,
            "end_position": position_out(span.end) if span else None,
            "layer": match.layer.value,
            "statement": match.statement,
            "sid": match.sid,
        }

    return present


def _type(match: Match) -> str:
    if match.layer in {Layer.RESOURCE, Layer.SCP, Layer.RCP}:
        return match.layer.value
    if not match.policy.startswith("arn:"):
        return "inline"
    is_shipped = f":iam::{SHIPPED_ACCOUNT}:policy/" in match.policy
    return "shipped" if is_shipped else "user-managed"


def position_out(position: Position) -> dict[str, int]:
    """A place in a document's text."""
    return {"line": position.line, "column": position.column}
