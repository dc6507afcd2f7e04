"""The OpenAPI schema of a request, and an example."""

import json
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
)
from iam.http import examples

EXAMPLE: Final = {
    "policy_source_arn": examples.arn("service/orders"),
    "policy_input_list": [json.dumps(examples.DOCUMENT)],
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
_TEXT: Final = {"type": "string"}
_NAME: Final = {"type": ["string", "null"]}


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
REQUEST: Final = {
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
