"""Writes the policy that most people need first: WHO can do WHAT on WHICH. Pure."""

import json
from collections.abc import Sequence
from typing import Any, Final

from iam.terminal.failures import usage

_MAX_NAME: Final = 128


def first_policy(actions: Sequence[str], resources: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The document as five lines of text, and as a value.

    Raises `Failure` with every defect when an action or a resource is none.
    """
    from iam_policy import DocumentKind, PolicyError, parse_policy

    text = (
        '{"Version": "2012-10-17", "Statement": [{\n'
        '  "Effect": "Allow",\n'
        f'  "Action": {_one_or_list(actions)},\n'
        f'  "Resource": {_one_or_list(resources)}\n'
        "}]}"
    )
    try:
        parse_policy(text, DocumentKind.IDENTITY)
    except PolicyError as error:
        lines = [f"  {defect}" for defect in error.defects]
        raise usage("\n".join(["that is no policy yet", *lines])) from None
    document: dict[str, Any] = json.loads(text)
    return text, document


def default_name(holder: str, actions: Sequence[str]) -> str:
    """A name that says who and whose: `orders-billing`."""
    return f"{holder}-{actions[0].partition(':')[0]}"[:_MAX_NAME]


def _one_or_list(values: Sequence[str]) -> str:
    return json.dumps(values[0] if len(values) == 1 else list(values), ensure_ascii=False)
