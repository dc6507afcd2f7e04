"""Instants as they come in: text with a zone (RFC 3339), in UTC from here on."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")


def _is_text(value: object) -> object:
    # Otherwise a number, in a text too, would be read as seconds since 1970, or as milliseconds.
    if value is not None and not (isinstance(value, str) and _DATE.match(value)):
        raise ValueError("expected an RFC 3339 instant such as 2026-12-31T00:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # within hours of year 1 or 9999, and beyond it in UTC
        raise ValueError("expected an instant in the years 1 to 9999 of UTC") from None


Instant = Annotated[
    AwareDatetime,
    Field(strict=False, examples=["2026-12-31T00:00:00Z"]),
    BeforeValidator(_is_text),
    AfterValidator(_in_utc),
]
"""A parameter or member that is an instant."""
