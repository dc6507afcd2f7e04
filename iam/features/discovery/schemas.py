"""The metadata document's part of the OpenAPI document."""

from typing import Any, Final

from iam.features.discovery.rules import WELL_KNOWN, authorization_server_metadata
from iam.http import examples
from iam.http.openapi_oauth import PUBLIC, TEXT, answer

_SHOWN: Final = authorization_server_metadata(issuer=examples.ISSUER, url=examples.ISSUER)
_LIST: Final = {"type": "array", "items": TEXT}
_METADATA: Final = {
    "type": "object",
    "required": ["issuer", "response_types_supported"],
    "properties": {
        name: _LIST if isinstance(value, list) else TEXT for name, value in _SHOWN.items()
    },
}
OPENAPI: Final[dict[str, Any]] = {
    WELL_KNOWN: {
        "get": {
            "operationId": "GetAuthorizationServerMetadata",
            "tags": ["oauth"],
            "summary": "Where the OAuth endpoints are, and what they take",
            "description": "RFC 8414. Where the issuer has a path, that follows here.",
            "security": PUBLIC,
            "responses": answer("The metadata", _METADATA, _SHOWN),
        }
    }
}
