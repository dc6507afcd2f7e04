"""What an audience of a service may look like (RFC 8707 section 2). Pure."""

import re
from collections.abc import Iterable
from typing import Final

from iam.errors import IamError, invalid

MAX_AUDIENCE: Final = 512
MAX_AUDIENCES: Final = 20

# RFC 3986: a scheme, a colon, then its characters; `#` is not one of them, so there is no fragment.
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})"
_ABSOLUTE_URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:{_CHARACTER}+")
_WITH_HOST = re.compile(r"https?://[^/?@]+([/?].*)?", re.IGNORECASE)


def check_arn_as_audience(arn: str) -> None:
    """Raise `IamError` of kind `invalid` when a service's ARN is too long to be an audience."""
    if len(arn) > MAX_AUDIENCE:
        message = f"path and name make an ARN of {len(arn)} characters, at most {MAX_AUDIENCE}"
        raise invalid("path_invalid", message)


def checked_audiences(wanted: Iterable[str], *, arn: str, reserved: Iterable[str]) -> list[str]:
    """The audiences to store: each once, sorted, the service's own ARN among them.

    Args:
        wanted: What the caller asked for, with or without the ARN.
        arn: The service's own ARN.
        reserved: Addresses of this installation; a token for one of them is for us.

    Raises `IamError` of kind `invalid`.
    """
    audiences = sorted({*wanted, arn})
    if len(audiences) > MAX_AUDIENCES:
        message = f"expected at most {MAX_AUDIENCES} audiences, found {len(audiences)}"
        raise invalid("too_many_audiences", message)
    own_addresses = {_comparable(address) for address in reserved}
    for audience in audiences:
        if audience == arn:
            continue
        _check_form(audience)
        if _comparable(audience) in own_addresses:
            raise _audience_error("the address of this installation cannot be a service's audience")
    return audiences


def _check_form(audience: str) -> None:
    if len(audience) > MAX_AUDIENCE or not _ABSOLUTE_URI.fullmatch(audience):
        message = f"expected an absolute URI of at most {MAX_AUDIENCE} characters, no fragment"
        raise _audience_error(message)
    scheme = audience.partition(":")[0].lower()
    if scheme == "arn":
        raise _audience_error("a service's own ARN is its audience; no other ARN can be")
    if scheme in ("http", "https") and not _WITH_HOST.fullmatch(audience):
        raise _audience_error("expected a host, and no user name, in an http address")


def _comparable(address: str) -> str:
    return address.rstrip("/").casefold()


def _audience_error(message: str) -> IamError:
    return invalid("audience_invalid", message)
