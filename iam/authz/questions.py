"""What a question of whether somebody may do something names: one action and one resource. Pure."""

import re
from typing import Final

from iam_policy.names import MAX_ARN_LENGTH, canonical_defect

MAX_ACTION: Final = 128
"""Characters of an action: as many as `is_action` lets pass."""
MAX_RESOURCE: Final = MAX_ARN_LENGTH

# Spelled out: where case is ignored, `[a-z]` matches the Kelvin sign, too.
_ACTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}:[A-Za-z0-9]{1,64}")


def is_action(text: str) -> bool:
    """Whether this is one action, `service:VerbNoun`, without wildcards; case does not matter."""
    return _ACTION.fullmatch(text) is not None


def resource_defect(text: str) -> str | None:
    """What was expected in place of this resource; `None` if it is a canonical ARN, or `*`."""
    if not 0 < len(text) <= MAX_RESOURCE:
        return f"expected an ARN of at most {MAX_RESOURCE} characters, or `*`"
    defect = None if text == "*" else canonical_defect(text)
    return None if defect is None else f"expected a canonical ARN or `*`: {defect}"
