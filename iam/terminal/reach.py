"""What only a client sees of a server: whether its name leads to it, and what its clock shows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from iam.kit.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of a call to the issuer under its own name.

    Attributes:
        reason: Why that is not the issuer; `None` if it is.
        skew: By how much our clock is ahead of the server's; `None` if it did not say.
    """

    reason: str | None = None
    skew: timedelta | None = None


def reach_issuer(issuer: str, *, ca_bundle: str | None, clock: Clock | None = None) -> Reached:
    """Call the issuer under its own name, as every service does that verifies its tokens."""
    from iam_policy import JsonError, parse_json
    from iam_sdk.errors import TransportError
    from iam_sdk.transport import HttpRequest, send_once

    clock = clock or SystemClock()
    before = clock.now()
    try:
        url = f"{issuer}/.well-known/oauth-authorization-server"
        answer = send_once(HttpRequest("GET", url), ca_bundle)
        named = parse_json(answer.body)["issuer"] if answer.status == HTTPStatus.OK else None
    except TransportError as error:
        return Reached(f"no answer ({error.reason})")
    except (JsonError, KeyError, TypeError):
        return Reached("what answers is no iam server")
    skew = _skew(before, answer.headers.get("date"))
    if named is None:
        return Reached(f"it answers {answer.status}", skew)
    return Reached(None if named == issuer else "what answers is another issuer", skew)


def _skew(now: datetime, date: str | None) -> timedelta | None:
    try:
        # The header counts whole seconds (RFC 9110 section 5.6.7): half a one is the best guess.
        theirs = parsedate_to_datetime(date or "").astimezone(UTC) + timedelta(seconds=0.5)
    except ValueError:
        return None
    return now - theirs
