"""The OpenAPI schema of an answer, and an example."""

import json
from typing import Any, Final

from iam.features.simulation.schemas.answers import position_out
from iam.http import examples
from iam_policy import Effect, Layer
from iam_policy.positions import statement_spans

_TYPES: Final = ("none", "inline", "user-managed", "shipped", "resource", "scp", "rcp")
_STATEMENT_TEXT: Final = json.dumps(examples.DOCUMENT)
_SPAN: Final = statement_spans(_STATEMENT_TEXT)[0]
_EXAMPLE_MATCH: Final = {
    "source_policy_id": "PolicyInputList.1",
    "source_policy_type": "none",
    "start_position": position_out(_SPAN.start),
    "end_position": position_out(_SPAN.end),
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
EXAMPLE: Final[dict[str, Any]] = {
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
    "required": [*EXAMPLE["evaluation_results"][0]],
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


ANSWER: Final = {
    "type": "object",
    "required": [*EXAMPLE],
    "properties": {
        "evaluation_results": {"type": "array", "items": _EVALUATION},
        "is_truncated": {"type": "boolean"},
        "marker": _NAME,
    },
}
