"""What accounts may be called. Pure."""

import re
from typing import Final

from iam.errors import invalid

MAX_ACCOUNT_NAME: Final = 63
# `aws` is what ARNs of AWS's own managed policies say.
RESERVED_NAMES: Final = frozenset({"main", "iam", "aws"})

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|[0-9]{12}")


def check_account_name(name: str) -> None:
    """Raise `IamError` of kind `invalid` unless an account may have this name."""
    if not _NAME.fullmatch(name):
        message = (
            f"expected a letter and up to {MAX_ACCOUNT_NAME - 1} lower-case letters, digits and "
            "inner hyphens, or 12 digits"
        )
        raise invalid("account_name_invalid", message)
    if name in RESERVED_NAMES:
        raise invalid("account_name_reserved", f"the account name `{name}` is reserved")
