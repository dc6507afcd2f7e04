"""JSON bodies are parsed strictly: no duplicate members, no NaN, no lone surrogates, no depths.

FastAPI's own parsing lets the last of two members win and answers 500 to a lone surrogate. It asks
the request for `json()`, so the request that it gets has parsed its body already.
"""

from collections.abc import Collection
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from iam.errors import invalid
from iam_policy.strict_json import JsonError, parse_json


class StrictRequest(Request):
    """A request whose JSON body was parsed by our own rules."""

    parsed: Any = None

    async def parse(self) -> None:
        """Read and parse the body, if there is one.

        Raises `IamError` of kind `invalid`, never repeating what was sent.
        """
        self.parsed = parse_body(await self.body(), self.headers.get("content-type", ""))

    async def json(self) -> Any:
        """The parsed body."""
        return self.parsed


def check_query(query: QueryParams, *, lists: Collection[str]) -> None:
    """Return if every parameter is given once, those in `lists` excepted.

    Of two, one reader takes the first and another the last (AA-07). Raises `IamError` of kind
    `invalid`.
    """
    names = [name for name, _ in query.multi_items() if name not in lists]
    if len(set(names)) < len(names):
        raise invalid("parameter_repeated", "a parameter of the query is given twice")


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(entry) for key, entry in value.items())
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value


def parse_body(body: bytes, content_type: str) -> Any:
    """The value of a JSON body; `None` if there is no body.

    Raises `IamError` of kind `invalid`, never repeating what was sent.
    """
    if not body:
        return None
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        # A form or plain text could come from any web page without asking (CSRF).
        raise invalid("content_type_unsupported", "expected a body of type application/json")
    try:
        parsed = parse_json(body)
    except JsonError as error:
        message = f"the body is not acceptable JSON: {error.reason}"
        raise invalid("json_invalid", message) from None
    if b"\\u0000" in body and _holds_nul(parsed):
        # PostgreSQL cannot store it, and nobody means it.
        raise invalid("json_invalid", "the body is not acceptable JSON: a NUL character")
    return parsed
