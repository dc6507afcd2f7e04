"""What a rescue must say, and how its service is called. Pure."""

from datetime import datetime
from typing import Final

from iam.errors import invalid

LONGEST: Final = 500
PATH: Final = "/rescue/"


def checked_reason(text: str) -> str:
    """Why the glass is broken, on one line. Raises `IamError` (invalid) for none, or for a tale."""
    reason = " ".join(text.split())
    if not reason:
        raise invalid("reason_required", "say why: whoever reads the alarm will want to know")
    if len(reason) > LONGEST:
        raise invalid("reason_too_long", f"expected a reason of at most {LONGEST} characters")
    return reason


def service_name(now: datetime) -> str:
    """A name that tells when, so that one rescue does not meet what is left of another."""
    return f"rescue-{now:%Y%m%d-%H%M%S-%f}"
