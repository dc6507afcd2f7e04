"""Lists: `?limit=&cursor=`, an opaque cursor, and a `Link` to the next page (RFC 8288)."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from iam.http.examples import example_of
from iam.kit.pages import DEFAULT_LIMIT, MAX_LIMIT, Page

Item = TypeVar("Item")
Row = TypeVar("Row")

Limit = Annotated[
    int, Query(ge=1, le=MAX_LIMIT, description=f"items on a page, at most {MAX_LIMIT}")
]
Cursor = Annotated[
    str | None, Query(max_length=2048, description="`next_cursor` of the page before")
]
DEFAULT = DEFAULT_LIMIT


def _show_page(schema: dict[str, Any], page: type[BaseModel]) -> None:
    """Add the example of a page: the last one, with the example of its items."""
    (item,) = page.__pydantic_generic_metadata__["args"]
    schema["examples"] = [{"items": [example_of(item)], "next_cursor": None}]


class PageOut(BaseModel, Generic[Item]):
    """One page of a list. `next_cursor` is null on the last page."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_show_page, defer_build=True)

    items: list[Item]
    next_cursor: str | None = Field(description="pass it as `cursor` to get the next page")


def page_out(page: Page[Row], present: Callable[[Row], Item]) -> PageOut[Item]:
    """A page of rows, each presented."""
    return PageOut(items=[present(row) for row in page.items], next_cursor=page.next_cursor)
