"""How decisions go over the wire, and their part of the OpenAPI document."""

from typing import Any, Final

from iam.features.decisions.service import Answer
from iam.http import examples
from iam_policy import Decision, Effect, Layer, Match


def answer_out(answer: Answer) -> dict[str, Any]:
    """One answer, for orjson, which writes enumerations by their values.

    Names of policies are for the service that asked, not for its caller.
    """
    decision = answer.decision or _NOTHING
    unknown = answer.unknown
    return {
        "decision_id": answer.decision_id,
        "decision": decision.effect,
        "allowed": decision.allowed,
        "matched": [_match(match) for match in decision.matched],
        "blocked_by": decision.blocked_by,
        "findings": list(decision.findings),
        "error": {"code": unknown.code, "message": unknown.message} if unknown else None,
    }


# About somebody who could not be identified: nothing is allowed.
_NOTHING: Final = Decision(Effect.IMPLICIT_DENY)


def _match(match: Match) -> dict[str, Any]:
    return {
        "layer": match.layer,
        "policy": match.policy,
        "statement": match.statement,
        "sid": match.sid,
        "effect": match.effect,
    }


_EXAMPLE_QUESTION: Final = {
    "principal": "arn:iam:iam::main:service/orders",
    "action": "billing:GetInvoice",
    "resource": "arn:iam:billing::main:invoice/42",
    "context": {"billing:amount": 120},
}
_EXAMPLE_ANSWER: Final = {
    "decision_id": examples.DECISION,
    "decision": "allowed",
    "allowed": True,
    "matched": [
        {
            "layer": "identity",
            "policy": "arn:iam:iam::main:policy/read-invoices",
            "statement": 0,
            "sid": None,
            "effect": "Allow",
        }
    ],
    "blocked_by": None,
    "findings": [],
    "error": None,
}

_TEXT: Final = {"type": "string"}
_QUESTION: Final = {
    "type": "object",
    "required": ["action", "resource"],
    "additionalProperties": False,
    "properties": {
        "token": {**_TEXT, "description": "an access token, or `principal`, or `session`"},
        "principal": {**_TEXT, "description": "the ARN of a principal"},
        "session": {
            "type": "object",
            "required": ["role", "name"],
            "properties": {
                "role": {**_TEXT, "description": "the ARN of a role"},
                "name": {**_TEXT, "description": "the session's name"},
                "policy": {**_TEXT, "description": "a session policy, as JSON text"},
            },
        },
        "action": {**_TEXT, "description": "`service:VerbNoun`"},
        "resource": {**_TEXT, "description": "an ARN, or `*`"},
        "context": {"type": "object", "description": "condition keys and their values"},
    },
}
_OPTIONAL_TEXT: Final = {"type": ["string", "null"]}
_LAYER: Final = [layer.value for layer in Layer]
_MATCH: Final = {
    "type": "object",
    "required": ["layer", "policy", "statement", "sid", "effect"],
    "properties": {
        "layer": {"enum": _LAYER},
        "policy": {**_TEXT, "description": "what the statement is part of"},
        "statement": {"type": "integer", "description": "its place in the document, from 0"},
        "sid": _OPTIONAL_TEXT,
        "effect": {"enum": ["Allow", "Deny"]},
    },
}
_DECISION: Final = {
    "type": "object",
    "required": [*_EXAMPLE_ANSWER],
    "properties": {
        "decision_id": {**_TEXT, "description": "also in the log"},
        "decision": {"enum": [effect.value for effect in Effect]},
        "allowed": {"type": "boolean"},
        "matched": {"type": "array", "items": _MATCH},
        "blocked_by": {
            "enum": [*_LAYER, None],
            "description": "the layer that denies it, or that allows nothing of it",
        },
        "findings": {"type": "array", "items": _TEXT, "description": "policies that are broken"},
        "error": {
            "type": ["object", "null"],
            "description": "why nobody could be asked about, such as a token that is over",
            "properties": {"code": _TEXT, "message": _TEXT},
        },
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["decisions"],
    "properties": {"decisions": {"type": "array", "items": _DECISION}},
}
OPENAPI: Final[dict[str, Any]] = {
    "/v1/decisions": {
        "post": {
            "operationId": "Evaluate",
            "tags": ["decisions"],
            "summary": "Decide a batch of questions",
            "x-iam-action": "decisions:Evaluate",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["evaluations"],
                            "properties": {"evaluations": {"type": "array", "items": _QUESTION}},
                        },
                        "example": {"evaluations": [_EXAMPLE_QUESTION]},
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "One decision for each question, in order",
                    "content": {
                        "application/json": {
                            "schema": _ANSWER,
                            "example": {"decisions": [_EXAMPLE_ANSWER]},
                        }
                    },
                }
            },
        }
    }
}
