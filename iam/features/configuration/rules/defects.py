"""Where in a document something is, and what is wrong there; all of it is collected."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from iam.errors import IamError, invalid
from iam_policy.defects import shown, shown_member

_MOST: Final = 500
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, by its JSON path (RFC 9535), and what was found wrong so far."""

    path: str = "$"
    found: list[dict[str, str]] = field(default_factory=list)

    def member(self, name: str) -> "Place":
        """The place of a member of the object that is here."""
        return Place(self.path + shown_member(name), self.found)

    def item(self, index: int) -> "Place":
        """The place of an item of the list that is here."""
        return Place(f"{self.path}[{index}]", self.found)

    def refuse(self, message: str) -> None:
        """Something is wrong here."""
        self.found.append({"path": self.path, "message": message})

    def expected(self, what: str, value: object) -> None:
        """Something else should stand here."""
        self.refuse(f"expected {what}, found {shown(value)}")

    def checked(self, check: Callable[[], Value]) -> Value | None:
        """What a rule of another feature makes of what is here; its refusal becomes a defect."""
        try:
            return check()
        except IamError as error:
            self._take_over(error)
            return None

    def _take_over(self, error: IamError) -> None:
        errors: list[Mapping[str, Any]] = error.detail.get("errors", [])
        for one in errors:
            message = f"expected {one['expected']}, found {one['found']}"
            self.found.append(
                {"path": self.path + one["path"].removeprefix("$"), "message": message}
            )
        if not errors:
            self.refuse(error.message)

    def members(self, value: object) -> Iterator[tuple[str, "Place", Any]]:
        """The members of the object that must be here."""
        if not isinstance(value, dict):
            self.expected("an object", value)
            return
        for name, one in value.items():
            yield name, self.member(name), one

    def items(self, value: object) -> Iterator[tuple["Place", Any]]:
        """The items of the list that must be here."""
        if not isinstance(value, list):
            self.expected("a list", value)
            return
        for index, one in enumerate(value):
            yield self.item(index), one


def raise_defects(found: list[dict[str, str]]) -> None:
    """Raise `IamError` of kind `invalid` with everything that is wrong, if anything is."""
    if found:
        count = len(found)
        message = f"the document has {count} defect{'s' if count > 1 else ''}"
        raise invalid("configuration_invalid", message, errors=found[:_MOST])
