"""Reading members of a request: each returns a value, or says where it found what. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from iam.errors import IamError, invalid

MAX_TEXT: Final = 2_048

_T = TypeVar("_T")


def text(body: Mapping[str, Any], member: str, read: Callable[[str, str], _T]) -> _T | None:
    """What `read` makes of a text and its path; `None` where there is none."""
    value = body.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise wrong(f"$.{member}", f"expected text of at most {MAX_TEXT} characters")
    return read(value, f"$.{member}")


def texts(
    body: Mapping[str, Any],
    member: str,
    read: Callable[[str, str], str],
    *,
    least: int = 0,
    most: int,
) -> tuple[str, ...]:
    """What `read` makes of each text of a list, in which none stands twice."""
    values = body.get(member)
    if values is None and not least:
        return ()
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise wrong(f"$.{member}", f"expected a list of {least} to {most} texts")
    found = tuple(text({member: value or 0}, member, read) or "" for value in values)
    if len(set(found)) != len(found):
        raise wrong(f"$.{member}", "expected every one once")
    return found


def flag(body: Mapping[str, Any], member: str) -> bool:
    """True or false; false where there is none."""
    value = body.get(member, False)
    if not isinstance(value, bool):
        raise wrong(f"$.{member}", "expected true or false")
    return value


def number(body: Mapping[str, Any], member: str, *, default: int, most: int) -> int:
    """A whole number from 1."""
    value = body.get(member, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise wrong(f"$.{member}", f"expected a number from 1 to {most}")
    return value


def wrong(path: str, message: str) -> IamError:
    """The error that names one place of the request."""
    problem = {"path": path, "message": message}
    return invalid("validation_failed", "the request is not valid", errors=[problem])
