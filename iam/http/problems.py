"""Errors at the edge: kinds become statuses, in this one file.

Three forms, chosen by router: problem+json (RFC 9457) for the API, `error` and
`error_description` for OAuth (RFC 6749 section 5.2), a page for browsers.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.responses import Response

from iam.errors import ErrorKind, IamError

STATUS: Final[Mapping[ErrorKind, int]] = {
    ErrorKind.INVALID: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.DENIED: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.PRECONDITION_FAILED: 412,
    ErrorKind.PRECONDITION_REQUIRED: 428,
    ErrorKind.TOO_MANY: 429,
    ErrorKind.UNAVAILABLE: 503,
}

# Codes whose status HTTP names more exactly than their kind does.
_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "body_too_large": 413,
    "uri_too_long": 414,
    "headers_too_many": 431,
    "header_too_large": 431,
    "content_type_unsupported": 415,
    "content_encoding_unsupported": 415,
    "validation_failed": 422,
    "idempotency_key_reused": 422,
    "method_not_allowed": 405,
}

_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    413: "Body too large",
    414: "Address too long",
    415: "Unsupported media type",
    422: "Not valid",
    428: "Precondition required",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    503: "Unavailable",
}


def status_of(error: IamError) -> int:
    """The HTTP status of an error."""
    return _STATUS_OF_CODE.get(error.code, STATUS[error.kind])


def problem(error: IamError, *, request_id: str) -> Response:
    """An error as `application/problem+json`."""
    status = status_of(error)
    body = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id,
        **error.detail,
    }
    headers = _headers(error, status)
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


def internal_error(*, request_id: str) -> Response:
    """The opaque answer to whatever was not foreseen; the log knows more under the same id."""
    body = {
        "type": "about:blank",
        "title": _TITLES[500],
        "status": 500,
        "detail": "something went wrong on our side; the log has more under this request id",
        "code": "internal_error",
        "request_id": request_id,
    }
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), 500, headers, "application/problem+json")


def oauth_error(
    error: str, description: str, *, status: int = 400, headers: Mapping[str, str] | None = None
) -> Response:
    """An error of an OAuth endpoint (RFC 6749 section 5.2)."""
    body = {"error": error, "error_description": description}
    fixed = {"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})}
    return Response(orjson.dumps(body), status, fixed, "application/json")


def _headers(error: IamError, status: int) -> dict[str, str]:
    headers: dict[str, Any] = {"Cache-Control": "no-store"}
    if status == STATUS[ErrorKind.UNAUTHENTICATED]:
        headers["WWW-Authenticate"] = _challenge(error)
    if "retry_after" in error.detail:
        headers["Retry-After"] = str(error.detail["retry_after"])
    return headers


def _challenge(error: IamError) -> str:
    # RFC 6750 section 3.1: no error code when the request carried no credentials at all.
    if error.code == "authentication_required":
        return 'Bearer realm="iam"'
    return f'Bearer realm="iam", error="invalid_token", error_description="{error.message}"'
