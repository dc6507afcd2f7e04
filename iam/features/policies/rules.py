"""What a policy document, its size and its versions may look like. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from iam.errors import IamError, invalid
from iam.features.policies.shipped import shipped_policies
from iam_policy import DocumentKind, Limits, PolicyError, parse_policy

_BELOW: Final = frozenset({"entities", "tags", "versions"})
"""What follows the name of a policy in the address of something that is part of it."""
_MAX_DEFECTS = 100
_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")


def check_addressable(path: str, name: str) -> None:
    """Raise `IamError` of kind `invalid` unless its ARN can stand in the address of a policy.

    `/v1/policies/arn:...:policy/versions/v1` would be a version of another one. Other kinds are
    addressed by name and id alone, which have no slash.
    """
    if found := _BELOW.intersection((*path.split("/"), name)):
        message = f"`{min(found)}` is part of addresses; call the policy and its path otherwise"
        raise invalid("name_reserved", message)


def checked_document(document: Mapping[str, Any], limits: Limits) -> str:
    """The compact text of an identity policy, as it is stored.

    Raises `IamError` of kind `invalid` that lists every defect under `errors`, as
    `{"path": "$.Statement[0].Effect", "found": "...", "expected": "..."}`.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    try:
        parse_policy(text, DocumentKind.IDENTITY, limits)
    except PolicyError as error:
        raise _invalid(error) from None
    return text


def _invalid(error: PolicyError) -> IamError:
    shown = [
        {"path": defect.path, "found": defect.found, "expected": defect.expected}
        for defect in error.defects[:_MAX_DEFECTS]
    ]
    count = len(error.defects)
    message = f"the policy document has {count} defect{'s' if count > 1 else ''}"
    return invalid("policy_invalid", message, errors=shown)


def counted_size(text: str) -> int:
    """The characters of a document that count against a limit: all but white space."""
    return len("".join(text.split()))


def version_number(reference: str) -> int | None:
    """The number in `v3` or `3`; `None` for what names no version."""
    found = _VERSION.fullmatch(reference)
    return int(found[1]) if found else None


def version_id(number: int) -> str:
    """How a version is called: `v3`."""
    return f"v{number}"


def is_shipped_name(name: str) -> bool:
    """Whether a shipped policy is called so; case makes no difference."""
    return name.casefold() in {shipped.name.casefold() for shipped in shipped_policies()}
