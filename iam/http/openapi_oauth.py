"""What the OAuth endpoints have in common in the OpenAPI document: forms, proofs and errors."""

from collections.abc import Mapping
from typing import Any, Final

FORM: Final = "application/x-www-form-urlencoded"
CLIENT_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TEXT: Final = {"type": "string"}

CLIENT_SCHEMES: Final[Mapping[str, Any]] = {
    "client_secret_basic": {
        "type": "http",
        "scheme": "basic",
        "description": "client id and client secret (RFC 6749 section 2.3.1); "
        "both may stand in the form instead, or a `client_assertion` (RFC 7523)",
    }
}
"""How a client proves itself besides the form."""
PROVEN_CLIENT: Final[list[Any]] = [{"client_secret_basic": []}, {}]
"""The security of an operation for clients: the form may hold the proof, hence the empty one."""
PUBLIC: Final[list[Any]] = []
"""The security of an operation for everybody."""

PROOF: Final[Mapping[str, Any]] = {
    "client_id": {**TEXT, "description": "the client's immutable id"},
    "client_secret": {**TEXT, "description": "`client_secret_post`"},
    "client_assertion_type": {"const": CLIENT_ASSERTION},
    "client_assertion": {**TEXT, "description": "a signed JWT (RFC 7523 section 2.2)"},
}
"""The parameters by which a client proves itself in the form."""

ERROR: Final[Mapping[str, Any]] = {
    "title": "OAuthError",
    "description": "A refusal of an OAuth endpoint (RFC 6749 section 5.2).",
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {
        "error": {
            "description": "stable; for programs",
            "enum": [
                "invalid_request",
                "invalid_client",
                "invalid_grant",
                "invalid_scope",
                "invalid_target",
                "invalid_token",
                "temporarily_unavailable",
                "unauthorized_client",
                "unsupported_grant_type",
            ],
        },
        "error_description": {**TEXT, "description": "for people"},
    },
    "examples": [
        {"error": "invalid_client", "error_description": "the client did not prove who it is"}
    ],
}
REFUSED: Final[Mapping[str, Any]] = {
    "description": "Refused: 400 wrong request, 401 no proven client, 413 too large, 503 try again",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}},
}


def form(
    properties: Mapping[str, Any], *, required: list[str], examples: Mapping[str, Any]
) -> dict[str, Any]:
    """The request body of an operation that takes a form; examples by name."""
    schema = {"type": "object", "required": required, "properties": dict(properties)}
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {FORM: {"schema": schema, "examples": shown}}}


def answer(
    description: str,
    schema: Mapping[str, Any],
    example: Mapping[str, Any],
    *,
    media_type: str = "application/json",
) -> dict[str, Any]:
    """The answers of an operation: this one, or OAuth's error."""
    content = {media_type: {"schema": dict(schema), "example": dict(example)}}
    return {"200": {"description": description, "content": content}, "default": REFUSED}
