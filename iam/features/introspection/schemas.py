"""The introspection endpoint's part of the OpenAPI document."""

from typing import Any, Final

from iam.http import examples
from iam.http.openapi_oauth import PROOF, PROVEN_CLIENT, TEXT, answer, form

_NUMBER: Final = {"type": "integer", "description": "seconds since 1970"}
_CLAIMS: Final = {
    "type": "object",
    "required": ["active"],
    "properties": {
        "active": {
            "type": "boolean",
            "description": "false for whatever is no good, unknown, or none of the caller's "
            "business; then nothing else is said",
        },
        "token_type": {"const": "Bearer"},
        "iss": TEXT,
        "sub": {**TEXT, "description": "immutable id of whom it speaks for"},
        "aud": TEXT,
        "client_id": TEXT,
        "scope": TEXT,
        "iat": _NUMBER,
        "nbf": _NUMBER,
        "exp": _NUMBER,
        "jti": TEXT,
        "arn": {**TEXT, "description": "of whom it speaks for"},
        "account": TEXT,
        "epoch": {"type": "integer", "description": "raised when the principal's tokens end"},
    },
}
OPENAPI: Final[dict[str, Any]] = {
    "/oauth2/introspect": {
        "post": {
            "operationId": "IntrospectToken",
            "tags": ["oauth"],
            "summary": "Tell what a token is worth, to whom it concerns",
            "description": "RFC 7662. For its audience, its subject and its client.",
            "security": [*PROVEN_CLIENT, {"bearer": []}],
            "requestBody": form(
                {"token": TEXT, "token_type_hint": TEXT, **PROOF},
                required=["token"],
                examples={
                    "access_token": {"token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9... (a JWT)"}
                },
            ),
            "responses": answer(
                "The claims of an active token, or that it is not active",
                _CLAIMS,
                {
                    "active": True,
                    "token_type": "Bearer",
                    "sub": examples.ORDERS,
                    "client_id": examples.ORDERS,
                    "aud": "https://billing.shop.example",
                    "iss": examples.ISSUER,
                    "exp": 1778511600,
                    "iat": 1778508000,
                    "nbf": 1778508000,
                    "jti": examples.TOKEN,
                    "arn": examples.arn("service/orders"),
                    "account": examples.ACCOUNT,
                    "epoch": 1,
                },
            ),
        }
    }
}
