"""Documents on the command line: JSON as it is, `@file`, or `-` for stdin."""

import sys
from pathlib import Path
from typing import Any

from iam.terminal.failures import usage


def read_document(argument: str) -> str:
    """The text of a document that was given as itself, as `@file` or as `-`."""
    if argument == "-":
        return sys.stdin.read()
    return read_text(Path(argument[1:])) if argument.startswith("@") else argument


def read_text(file: Path) -> str:
    """The text of a file."""
    try:
        return file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise usage(f"cannot read `{file}`: {reason}") from None


def read_json(argument: str) -> Any:
    """The value of a JSON document that was given as itself, as `@file` or as `-`.

    Read as strictly as the server does: a member that stands twice is refused here, and not sent
    as whichever came last.
    """
    from iam_policy import JsonError, parse_json

    text = read_document(argument)
    try:
        return parse_json(text.encode())
    except JsonError as error:
        hint = "a file is given as @FILE" if not text.lstrip().startswith(("{", "[")) else ""
        raise usage(f"expected JSON: {error}", hint) from None
