"""How simulations go over the wire, and their part of the OpenAPI document."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from iam.features.simulation.rules import (
    ANONYMOUS,
    DEFAULT_ITEMS,
    FULL_ACCESS,
    KEY_TYPES,
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_LEVELS,
    MAX_PAIRS,
    MAX_POLICIES,
    Simulation,
)
from iam.features.simulation.service import Outcome, Result, Simulated, most_restrictive
from iam.http import examples
from iam.models import SHIPPED_ACCOUNT
from iam_policy import Effect, Layer, Match
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
            "start_position": _position(span.start) if span else None,
            "end_position": _position(span.end) if span else None,
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


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}


_TYPES: Final = ("none", "inline", "user-managed", "shipped", "resource", "scp", "rcp")
_STATEMENT_TEXT: Final = json.dumps(examples.DOCUMENT)
_SPAN: Final = statement_spans(_STATEMENT_TEXT)[0]
_EXAMPLE: Final = {
    "policy_source_arn": examples.arn("service/orders"),
    "policy_input_list": [_STATEMENT_TEXT],
    "action_names": ["billing:GetInvoice"],
    "resource_arns": ["arn:iam:billing::main:invoice/42"],
    "context_entries": [
        {
            "context_key_name": "aws:SourceIp",
            "context_key_type": "ip",
            "context_key_values": ["192.0.2.7"],
        }
    ],
}
_EXAMPLE_MATCH: Final = {
    "source_policy_id": "PolicyInputList.1",
    "source_policy_type": "none",
    "start_position": _position(_SPAN.start),
    "end_position": _position(_SPAN.end),
    "layer": "identity",
    "statement": 0,
    "sid": None,
}
_EXAMPLE_RESULT: Final[dict[str, Any]] = {
    "blocked_by": None,
    "matched_statements": [_EXAMPLE_MATCH],
    "missing_context_values": [],
    "permissions_boundary_decision_detail": None,
    "eval_decision_details": {},
    "explanation": [],
}
_EXAMPLE_ANSWER: Final[dict[str, Any]] = {
    "evaluation_results": [
        {
            "eval_action_name": "billing:GetInvoice",
            "eval_resource_name": "arn:iam:billing::main:invoice/42",
            "eval_decision": "allowed",
            "organizations_decision_detail": None,
            **_EXAMPLE_RESULT,
            "resource_specific_results": [
                {
                    "eval_resource_name": "arn:iam:billing::main:invoice/42",
                    "eval_resource_decision": "allowed",
                    **_EXAMPLE_RESULT,
                }
            ],
        }
    ],
    "is_truncated": False,
    "marker": None,
}

_TEXT: Final = {"type": "string"}
_NAME: Final = {"type": ["string", "null"]}
_EFFECT: Final = {"enum": [effect.value for effect in Effect]}
_PLACE: Final = {
    "type": ["object", "null"],
    "description": "line and column, from 1; null of stored policies",
    "required": ["line", "column"],
    "properties": {"line": {"type": "integer"}, "column": {"type": "integer"}},
}
_MATCH: Final = {
    "type": "object",
    "required": [*_EXAMPLE_MATCH],
    "properties": {
        "source_policy_id": {**_TEXT, "description": "`PolicyInputList.1`, an ARN, `inline:name`"},
        "source_policy_type": {"enum": list(_TYPES), "description": "`none`: of the request"},
        "start_position": _PLACE,
        "end_position": _PLACE,
        "layer": {"enum": [layer.value for layer in Layer]},
        "statement": {"type": "integer", "description": "its place in the document, from 0"},
        "sid": _NAME,
    },
}


def _verdict(name: str, description: str) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "description": description,
        "required": [name],
        "properties": {name: {"type": "boolean"}},
    }


_COMMON: Final = {
    "blocked_by": {
        "enum": [*(layer.value for layer in Layer), None],
        "description": "the layer that denies it, or that allows nothing of it",
    },
    "matched_statements": {
        "type": "array",
        "items": _MATCH,
        "description": "what denies it; or, if nothing does, all that would allow it",
    },
    "missing_context_values": {
        "type": "array",
        "items": _TEXT,
        "description": "condition keys that policies on the action ask for in vain",
    },
    "permissions_boundary_decision_detail": _verdict(
        "allowed_by_permissions_boundary", "null without a boundary"
    ),
    "eval_decision_details": {
        "type": ["object", "null"],
        "description": "across accounts: what `identity` and `resource` say; null for `*`",
        "additionalProperties": _EFFECT,
    },
    "explanation": {
        "type": "array",
        "items": _TEXT,
        "description": "with `explain`: why, and the nearest miss",
    },
}
_RESOURCE: Final = {
    "type": "object",
    "required": ["eval_resource_name", "eval_resource_decision", *_EXAMPLE_RESULT],
    "properties": {
        "eval_resource_name": _TEXT,
        "eval_resource_decision": _EFFECT,
        **_COMMON,
    },
}
_EVALUATION: Final = {
    "type": "object",
    "required": [*_EXAMPLE_ANSWER["evaluation_results"][0]],
    "properties": {
        "eval_action_name": _TEXT,
        "eval_resource_name": {**_NAME, "description": "null when there are several"},
        "eval_decision": {**_EFFECT, "description": "the most restrictive of all resources"},
        "organizations_decision_detail": _verdict(
            "allowed_by_organizations", "what guardrails say; null where there are none"
        ),
        **_COMMON,
        "resource_specific_results": {
            "type": "array",
            "items": _RESOURCE,
            "description": "each resource by itself; empty when none was named",
        },
    },
}


def _list(description: str, items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": items, "maxItems": most}


def _levels(whom: str) -> dict[str, Any]:
    level = {
        "type": "array",
        "maxItems": MAX_POLICIES,
        "items": {**_TEXT, "description": f"a document as JSON text, or `{FULL_ACCESS}`"},
    }
    description = (
        f"guardrails for {whom}, level by level, each of which must allow; in addition to those "
        "that stand around `policy_source_arn`"
    )
    return _list(description, level, MAX_LEVELS)


_DOCUMENT: Final = {**_TEXT, "description": "a policy document as JSON text"}
_REQUEST: Final = {
    "type": "object",
    "required": ["action_names"],
    "additionalProperties": False,
    "properties": {
        "policy_source_arn": {
            **_NAME,
            "description": "a user, service or role, simulated under all that the server knows",
        },
        "policy_input_list": _list(
            "identity policies; in addition to those of `policy_source_arn`",
            _DOCUMENT,
            MAX_POLICIES,
        ),
        "permissions_boundary_policy_input_list": _list(
            "the boundary; in place of the stored one", _DOCUMENT, 1
        ),
        "session_policy_input_list": _list(
            "what the caller's session was made with: the most that it may do",
            _DOCUMENT,
            MAX_POLICIES,
        ),
        "service_control_policy_input_list": _levels("the caller's account"),
        "resource_control_policy_input_list": _levels("the account of the resource"),
        "action_names": _list("`service:VerbNoun`, without wildcards", _TEXT, MAX_PAIRS),
        "resource_arns": _list(
            f"by default `*`; actions times resources are at most {MAX_PAIRS}", _TEXT, MAX_PAIRS
        ),
        "resource_policy": {
            **_NAME,
            "description": "the policy of every resource, in place of stored ones, as JSON text; "
            "where all actions assume roles, the trust policy",
        },
        "resource_owner": {
            **_NAME,
            "description": "`arn:iam:iam::main:root`: owns resources whose ARN names no account",
        },
        "caller_arn": {
            **_NAME,
            "description": "who calls: the ARN of a user, service, role, session "
            "(`assumed-role`, `federated-user`) or account (`:root`), the host name of an AWS "
            f"service, or `{ANONYMOUS}`; by default `policy_source_arn`",
        },
        "caller_id": {
            **_NAME,
            "description": "the immutable id of `caller_arn`, or of its role, by which stored "
            "policies name it",
        },
        "context_entries": _list(
            "condition keys; `iam:` and `aws:` mean the same, and replace what the server knows",
            {
                "type": "object",
                "required": ["context_key_name", "context_key_type", "context_key_values"],
                "additionalProperties": False,
                "properties": {
                    "context_key_name": _TEXT,
                    "context_key_type": {"enum": list(KEY_TYPES)},
                    "context_key_values": {"type": "array", "items": _TEXT},
                },
            },
            MAX_ENTRIES,
        ),
        "max_items": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ITEMS,
            "default": DEFAULT_ITEMS,
            "description": "actions in one answer",
        },
        "marker": {**_NAME, "description": "`marker` of the answer before"},
        "explain": {"type": "boolean", "default": False, "description": "say why, in words"},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": [*_EXAMPLE_ANSWER],
    "properties": {
        "evaluation_results": {"type": "array", "items": _EVALUATION},
        "is_truncated": {"type": "boolean"},
        "marker": _NAME,
    },
}
OPENAPI: Final[dict[str, Any]] = {
    "/v1/policies:simulate": {
        "post": {
            "operationId": "SimulateCustomPolicy",
            "tags": ["policies"],
            "summary": "Simulate policies, or what a principal may do",
            "description": (
                "Request and answer of AWS's `SimulateCustomPolicy` and, with "
                "`policy_source_arn`, of `SimulatePrincipalPolicy`, which takes "
                "`iam:SimulatePrincipalPolicy` on that ARN. Every member is AWS's, in words of "
                "lower case with underscores: `PolicySourceArn` is `policy_source_arn`. "
                "`session_policy_input_list`, `service_control_policy_input_list`, "
                "`resource_control_policy_input_list`, `caller_id`, "
                "`blocked_by`, `explain`, `explanation`, and `layer`, `statement`, `sid` of a "
                "statement are this API's own. `ResourceHandlingOption` is left out: it chooses "
                "between kinds of EC2 instances. A group is no principal; simulate its members."
            ),
            "x-iam-action": "iam:SimulateCustomPolicy",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _REQUEST, "example": _EXAMPLE}},
            },
            "responses": {
                "200": {
                    "description": "One result for each action, in order",
                    "content": {
                        "application/json": {"schema": _ANSWER, "example": _EXAMPLE_ANSWER}
                    },
                }
            },
        }
    }
}
