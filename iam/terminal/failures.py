"""What went wrong, as text for people and as an exit code for scripts."""

from enum import IntEnum
from typing import Any, Final


class ExitCode(IntEnum):
    """What a script can tell from `$?`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_AUTHENTICATED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNAVAILABLE = 7
    CONFIGURATION = 78  # EX_CONFIG of sysexits.h
    INTERRUPTED = 130


EXIT_CODES_HELP: Final = (
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not authenticated, 4 not allowed, "
    "5 not found, 6 conflict, 7 unavailable or too busy, 78 wrong settings."
)

_CODE_OF_STATUS: Final = {
    401: ExitCode.NOT_AUTHENTICATED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    412: ExitCode.CONFLICT,
    429: ExitCode.UNAVAILABLE,
    502: ExitCode.UNAVAILABLE,
    503: ExitCode.UNAVAILABLE,
    504: ExitCode.UNAVAILABLE,
}


class Failure(Exception):  # noqa: N818 -- it ends a command; not every one is an error of ours
    """Ends a command with a text, advice, and an exit code.

    Attributes:
        message: What went wrong, one line.
        advice: What to do about it; may be empty.
        exit_code: For `$?`.
        detail: Members for `--json`.
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        exit_code: ExitCode = ExitCode.FAILED,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.exit_code = exit_code
        self.detail = detail or {}


def usage(message: str, advice: str = "") -> Failure:
    """The failure for words that cannot be meant."""
    return Failure(message, advice=advice, exit_code=ExitCode.USAGE)


def misconfigured(message: str, advice: str = "") -> Failure:
    """The failure for settings that cannot work."""
    return Failure(message, advice=advice, exit_code=ExitCode.CONFIGURATION)


def refused(status: int, problem: dict[str, Any]) -> Failure:
    """What the server refused (problem+json, RFC 9457), as a failure."""
    code = _CODE_OF_STATUS.get(status, ExitCode.FAILED)
    message = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    lines = [message, *(_defect(error) for error in problem.get("errors") or ())]
    return Failure(
        "\n".join(lines),
        advice=_advice(status, problem),
        exit_code=code,
        detail={**problem, "status": status},
    )


def _defect(error: Any) -> str:
    """One of the `errors` of a problem: where, and what is wrong there."""
    if not isinstance(error, dict):
        return f"  {error}"
    said = error.get("message") or f"found {error.get('found')}, expected {error.get('expected')}"
    return f"  {error.get('path', '')}: {said}"


def _advice(status: int, problem: dict[str, Any]) -> str:
    decision = problem.get("decision_id")
    request = problem.get("request_id")
    match _CODE_OF_STATUS.get(status, ExitCode.FAILED):
        case ExitCode.NOT_AUTHENTICATED:
            return "see `iam whoami`; the credential may have been revoked, or its holder disabled"
        case ExitCode.NOT_ALLOWED if decision:
            return f"decision {decision} is in the audit log; a policy must allow this action"
        case ExitCode.UNAVAILABLE if problem.get("retry_after"):
            return f"try again in {problem['retry_after']} seconds"
        case ExitCode.FAILED if status >= 500 and request:  # noqa: PLR2004 -- a server's fault
            return f"the server's log says more under request {request}"
    return ""
