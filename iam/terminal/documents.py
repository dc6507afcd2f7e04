"""Documents on the command line: JSON as it is, `@file`, or `-` for stdin."""

import sys
from pathlib import Path

from iam.terminal.failures import usage


def read_document(argument: str) -> str:
    """The text of a document that was given as itself, as `@file` or as `-`."""
    if argument == "-":
        return sys.stdin.read()
    if not argument.startswith("@"):
        return argument
    try:
        return Path(argument[1:]).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise usage(f"cannot read `{argument[1:]}`: {reason}") from None
