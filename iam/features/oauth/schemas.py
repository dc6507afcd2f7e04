"""The token endpoint's part of the OpenAPI document."""

from typing import Any, Final

from iam.features.oauth.grants import GRANTS
from iam.http import examples
from iam.http.openapi_oauth import CLIENT_ASSERTION, PROOF, PROVEN_CLIENT, TEXT, answer, form

_GRANT: Final = {"grant_type": "client_credentials", "resource": "https://billing.shop.example"}
_TOKEN: Final = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in"],
    "properties": {
        "access_token": {**TEXT, "description": "a JWT (RFC 9068)"},
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer", "description": "seconds"},
        "scope": {**TEXT, "description": "what was granted, if it is not what was asked for"},
    },
}
OPENAPI: Final[dict[str, Any]] = {
    "/oauth2/token": {
        "post": {
            "operationId": "IssueToken",
            "tags": ["oauth"],
            "summary": "Issue an access token to a client that proves itself",
            "description": "RFC 6749 section 4.4, with `resource` of RFC 8707.",
            "security": PROVEN_CLIENT,
            "requestBody": form(
                {
                    "grant_type": {"enum": sorted(GRANTS)},
                    "resource": {**TEXT, "description": "the audience; by default ourselves"},
                    "audience": {**TEXT, "description": "the same in RFC 8693's word"},
                    "scope": {**TEXT, "description": "separated by spaces"},
                    **PROOF,
                },
                required=["grant_type"],
                examples={
                    "client_secret_basic": _GRANT,
                    "client_secret_post": {
                        **_GRANT,
                        "client_id": examples.ORDERS,
                        "client_secret": "iam_cs_3Wd9... (the rest of it)",
                    },
                    "private_key_jwt": {
                        **_GRANT,
                        "client_assertion_type": CLIENT_ASSERTION,
                        "client_assertion": "eyJhbGciOiJFUzI1NiIsImtpZCI6IndkOUN1UVZR... (a JWT)",
                    },
                },
            ),
            "responses": answer(
                "The token; durable in the ledger before it is answered",
                _TOKEN,
                {
                    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9... (a JWT)",
                    "token_type": "Bearer",
                    "expires_in": 3600,
                },
            ),
        }
    }
}
