"""The revocation endpoint's part of the OpenAPI document."""

from typing import Any, Final

from iam.http.openapi_oauth import PROOF, PROVEN_CLIENT, TEXT, answer, form

OPENAPI: Final[dict[str, Any]] = {
    "/oauth2/revoke": {
        "post": {
            "operationId": "RevokeToken",
            "tags": ["oauth"],
            "summary": "End a token of the client's own",
            "description": "RFC 7009. A token that is unknown, over, or another's is no error.",
            "security": PROVEN_CLIENT,
            "requestBody": form(
                {"token": TEXT, "token_type_hint": TEXT, **PROOF},
                required=["token"],
                examples={
                    "access_token": {"token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9... (a JWT)"}
                },
            ),
            "responses": answer("The token is over", {"type": "object", "maxProperties": 0}, {}),
        }
    }
}
