"""ARNs: the names of principals and of things, ``arn:partition:service:region:account:resource``.

The engine compares names as text, character by character, so one thing must have one name only.
`canonical_defect` tells whether a name is written the one accepted way; whoever takes names from
outside (the decision API, the SDK) refuses the others before the engine is asked.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

MAX_ARN_LENGTH = 2_048
SEGMENTS = 6

_LABEL = re.compile(r"[a-z0-9-]*")
# What nearly every name looks like; possessive, so that each character is read once.
_PLAIN_SEGMENT = r"[A-Za-z0-9_:@=+,*?-]++(?:\.++[A-Za-z0-9_:@=+,*?-]++)*+"
_PLAIN = re.compile(
    r"arn:[a-z0-9-]++:[a-z0-9-]++:[a-z0-9-]*+:[a-z0-9-]*+:"
    f"{_PLAIN_SEGMENT}(?:/{_PLAIN_SEGMENT})*+"
)


class ArnError(ValueError):
    """The text is not an ARN; the message says why and does not repeat it."""


@dataclass(frozen=True, slots=True)
class Arn:
    """One parsed name. ``region`` and ``account`` may be empty; ``resource`` may contain colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        """Write the name as it was parsed."""
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a name apart.

        Raises:
            ArnError: fewer than six segments, no partition, service or resource, or too long.
        """
        if len(text) > MAX_ARN_LENGTH:
            raise ArnError(f"an ARN has at most {MAX_ARN_LENGTH} characters")
        parts = text.split(":", SEGMENTS - 1)
        if len(parts) != SEGMENTS or parts[0] != "arn":
            raise ArnError("an ARN has six segments, arn:partition:service:region:account:resource")
        if not (parts[1] and parts[2] and parts[5]):
            raise ArnError("partition, service and resource of an ARN must not be empty")
        return cls(*parts[1:])


def is_canonical(text: str) -> bool:
    """Tell whether the text is an ARN written the one accepted way."""
    return canonical_defect(text) is None


def canonical_defect(text: str) -> str | None:
    """Say what keeps a name from being canonical, or None if nothing does.

    The first five segments are lower-case letters, digits and hyphens. The resource is printable
    NFKC text without empty, ``.`` or ``..`` path segments, without a dot at a segment's end, and
    without ``%``, ``;`` and backslash, because other software reads these as another path.
    """
    if len(text) <= MAX_ARN_LENGTH and _PLAIN.fullmatch(text):
        return None
    return _defect(text)


def _defect(text: str) -> str | None:
    try:
        arn = Arn.parse(text)
    except ArnError as error:
        return str(error)
    labels = (arn.partition, arn.service, arn.region, arn.account)
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "the first five segments are lower-case letters, digits and hyphens"
    return _resource_defect(arn.resource)


def _resource_defect(resource: str) -> str | None:
    if not resource.isprintable() or resource != resource.strip():
        return "the resource contains control characters or outer spaces"
    if not unicodedata.is_normalized("NFKC", resource):
        return "the resource is not in Unicode normalisation form NFKC"
    if any(character in resource for character in "%;\\"):
        return "the resource contains a percent sign, a semicolon or a backslash"
    for segment in resource.split("/"):
        if not segment or segment.endswith("."):
            return "the resource has an empty path segment or one that ends with a dot"
    return None
