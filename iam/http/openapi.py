"""The OpenAPI document, for whoever is authenticated (AA-21): it is a map of the house.

The framework knows paths and shapes. What the edge and the router do around every endpoint is
added here: the bearer token, the headers of `ETag` and `Idempotency-Key`, and the one shape of
every refusal.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from iam.http import examples, openapi_oauth
from iam.http.router import prepared_routes
from iam.http.work import Work

_WANTS_VERSION: Final = "Send `If-Match`."
"""How the description of an operation says that it needs the version that was read."""
_HEEDS_VERSION: Final = "`If-Match`"
"""Any other mention says that it takes the version, and does not always need it."""

_PROBLEM: Final = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). Some have more members, such as `retry_after`.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "also the status of the answer"},
        "detail": {"type": "string", "description": "for people"},
        "code": {"type": "string", "description": "stable; for programs"},
        "request_id": {"type": "string", "description": "also in the log and the audit log"},
        "decision_id": {"type": "string", "description": "of every 403; also in both logs"},
        "errors": {
            "type": "array",
            "description": "every defect of the request, where there may be several",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Not allowed",
            "status": 403,
            "detail": "`arn:iam:iam::main:service/orders` is not allowed to perform "
            "`iam:GetUser` on `arn:iam:iam::main:user/ana`",
            "code": "access_denied",
            "request_id": examples.REQUEST,
            "decision_id": examples.DECISION,
        }
    ],
}
_REFUSED: Final = {
    "description": "Refused: 400 or 422 wrong input, 401 no valid token, 403 not allowed, "
    "404 not there, 409 conflict, 412 and 428 version, 429 too many, 503 try again",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "an access token of this service: `POST /oauth2/token`",
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "the `ETag` that was read, or `*` for any version",
    "schema": {"type": "string", "examples": ['"3"']},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "of one's own making: a repeated request has one effect and the same answer",
    "schema": {"type": "string", "maxLength": 255},
}


def serve_openapi(api: FastAPI, fast_paths: Mapping[str, Any]) -> None:
    """Add `GET /openapi.json` to the API; the document is rendered once.

    `fast_paths` describes what the framework does not know of: the routes of the fast lane.
    """
    rendered: list[bytes] = []

    async def openapi(work: Work) -> Response:
        del work  # its caller is authenticated, and that is all that is asked
        if not rendered:
            routes = prepared_routes(api.routes)
            document = get_openapi(title=api.title, version=api.version, routes=routes)
            rendered.append(orjson.dumps(_complete(document, fast_paths)))
        return Response(rendered[0], media_type="application/json")

    api.add_api_route("/openapi.json", openapi, include_in_schema=False)


def _complete(document: dict[str, Any], fast_paths: Mapping[str, Any]) -> dict[str, Any]:
    _restore_nulls(document)
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method == "post":
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            description = operation.get("description", "")
            if _HEEDS_VERSION in description:
                required = {"required": _WANTS_VERSION in description}
                operation["parameters"].append({**_IF_MATCH, **required})
    document["paths"].update(fast_paths)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # the framework's own shape, which we never use
            operation["responses"].setdefault("default", _REFUSED)
    components = document["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["schemas"] |= {"Problem": _PROBLEM, "OAuthError": openapi_oauth.ERROR}
    components["securitySchemes"] = {"bearer": _BEARER, **openapi_oauth.CLIENT_SCHEMES}
    document["security"] = [{"bearer": []}]
    return document


def _restore_nulls(document: Mapping[str, Any]) -> None:
    """Give examples back their members that are null: the framework leaves those out anywhere."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        for shown in schema.get("examples", ()):
            _fill(schemas, schema, shown)
    for operations in document["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                if "example" in content:
                    _fill(schemas, content["schema"], content["example"])


def _fill(schemas: Mapping[str, Any], schema: Mapping[str, Any], shown: Any) -> None:
    schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    if isinstance(shown, dict):
        for name in schema.get("required", ()):
            _fill(schemas, schema["properties"][name], shown.setdefault(name, None))
    if isinstance(shown, list):
        for each in shown:
            _fill(schemas, schema.get("items", {}), each)
