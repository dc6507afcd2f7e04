"""The one family of errors that every layer raises.

An ``IamError`` says three things: its *kind* (a closed set, which a door maps to an answer), its
*code* (a stable name that clients may test), and its *message* (for people). Nothing here knows of
HTTP: one file of ``iam.http`` turns kinds into problem+json, OAuth errors or an error page.

Message style: lower case, no final period, what was expected against what was found, user input in
backticks, and never a secret: the text leaves the service. ``detail`` is shown too, so it holds
JSON values only, such as ``decision_id``, ``retry_after`` in seconds, or ``errors=[{"path":
"$.Statement[0]", "message": "..."}]``.
"""

from enum import StrEnum, unique
from typing import Any


@unique
class ErrorKind(StrEnum):
    """What kind of refusal this is; the edge has one answer for each."""

    INVALID = "invalid"
    """The input is malformed or breaks a rule; the same input will never be accepted."""
    UNAUTHENTICATED = "unauthenticated"
    """Nobody has proved who calls, or the proof is no longer good."""
    DENIED = "denied"
    """The caller is known and the policies do not allow it."""
    NOT_FOUND = "not_found"
    """There is no such thing, or the caller may not know that there is."""
    CONFLICT = "conflict"
    """The present state forbids it: a name is taken, a thing is still in use."""
    PRECONDITION_FAILED = "precondition_failed"
    """The caller's version of the thing is not the present one."""
    PRECONDITION_REQUIRED = "precondition_required"
    """The caller must say which version of the thing it means to change."""
    TOO_MANY = "too_many"
    """A limit is reached; ``retry_after`` says when to come back."""
    UNAVAILABLE = "unavailable"
    """Something we depend on does not answer, or cannot be read; a later attempt may succeed."""


class IamError(Exception):
    """A refusal that is safe to show to the caller.

    Raised, it means that nothing is kept: the unit of work rolls back.

    Attributes:
        kind: Which answer the edge gives.
        code: Stable snake_case name of this very refusal.
        message: One line for people.
        detail: More members of the answer; JSON values only.
    """

    def __init__(self, kind: ErrorKind, code: str, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.detail: dict[str, Any] = detail

    def __repr__(self) -> str:
        return f"IamError({self.kind.value}, {self.code!r}, {self.message!r})"


def invalid(code: str, message: str, **detail: Any) -> IamError:
    """The error for input that breaks a rule."""
    return IamError(ErrorKind.INVALID, code, message, **detail)


def unauthenticated(code: str, message: str, **detail: Any) -> IamError:
    """The error for a missing or worthless proof of identity."""
    return IamError(ErrorKind.UNAUTHENTICATED, code, message, **detail)


def denied(code: str, message: str, **detail: Any) -> IamError:
    """The error for what policies do not allow."""
    return IamError(ErrorKind.DENIED, code, message, **detail)


def not_found(code: str, message: str, **detail: Any) -> IamError:
    """The error for what does not exist as far as the caller may know."""
    return IamError(ErrorKind.NOT_FOUND, code, message, **detail)


def conflict(code: str, message: str, **detail: Any) -> IamError:
    """The error for what the present state forbids."""
    return IamError(ErrorKind.CONFLICT, code, message, **detail)


def precondition_failed(code: str, message: str, **detail: Any) -> IamError:
    """The error for a change that was based on an outdated version."""
    return IamError(ErrorKind.PRECONDITION_FAILED, code, message, **detail)


def precondition_required(code: str, message: str, **detail: Any) -> IamError:
    """The error for a change that does not name the version it is based on."""
    return IamError(ErrorKind.PRECONDITION_REQUIRED, code, message, **detail)


def too_many(code: str, message: str, **detail: Any) -> IamError:
    """The error for a reached limit; give ``retry_after`` in whole seconds if it is known."""
    return IamError(ErrorKind.TOO_MANY, code, message, **detail)


def unavailable(code: str, message: str, **detail: Any) -> IamError:
    """The error for a dependency that does not answer or cannot be read."""
    return IamError(ErrorKind.UNAVAILABLE, code, message, **detail)
