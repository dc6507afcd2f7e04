"""What FastAPI calls when a route raises: every refusal becomes problem+json."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from iam.errors import ErrorKind, IamError, invalid
from iam.http.problems import internal_error, problem

_MAX_ERRORS = 20


async def answer_iam_error(request: Request, error: Exception) -> Response:
    """Answer with an error of ours."""
    assert isinstance(error, IamError)  # noqa: S101 -- FastAPI calls by type; this tells mypy
    return problem(error, request_id=request.scope["iam.request_id"])


async def answer_validation_error(request: Request, error: Exception) -> Response:
    """Answer that the input does not fit; names what and where, never the value (LG-02)."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- as above
    errors = [_one(found) for found in error.errors()[:_MAX_ERRORS]]
    summary = invalid("validation_failed", "the request is not valid", errors=errors)
    return problem(summary, request_id=request.scope["iam.request_id"])


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: no such address, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101 -- as above
    answer = problem(_translated(error), request_id=request.scope["iam.request_id"])
    answer.headers.update(error.headers or {})
    return answer


async def answer_internal_error(request: Request, _error: Exception) -> Response:
    """Answer an opaque 500; the edge logs what happened under the same request id."""
    return internal_error(request_id=request.scope["iam.request_id"])


def _one(found: Any) -> dict[str, str]:
    place: Sequence[Any] = found["loc"]
    where = "path" if place[0] == "path" else str(place[0])
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[1:])
    return {"path": f"{where}{path}"[:200], "message": found["msg"].removeprefix("Value error, ")}


def _translated(error: HTTPException) -> IamError:
    if error.status_code == 404:  # noqa: PLR2004 -- a status
        return IamError(ErrorKind.NOT_FOUND, "not_found", "there is nothing at this address")
    if error.status_code == 405:  # noqa: PLR2004 -- a status
        return invalid("method_not_allowed", "this address does not take that method")
    return invalid("request_malformed", "the request cannot be read")


REFUSALS: Final = {
    IamError: answer_iam_error,
    RequestValidationError: answer_validation_error,
    HTTPException: answer_http_error,
    Exception: answer_internal_error,
}
"""What answers each kind of exception."""
