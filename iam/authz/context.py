"""The condition keys that the server sets itself, and refuses from callers.

Keys under `iam:` and `aws:` alike (domain.md: Policies). To the engine they are plain text.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from iam.authz.facts import PrincipalFacts
from iam.errors import invalid

_PREFIXES = ("iam:", "aws:")
# Who the principal is, how it was proven, and what time it is: never a caller's word. What a
# caller knows better, such as the address of *its* client (`iam:SourceIp`), it may say.
_RESERVED = (
    "principal",
    "userid",
    "username",
    "currenttime",
    "epochtime",
    "tokenissuetime",
    "requestedaudience",
    "multifactorauth",
    "authenticatorassurancelevel",
    "federatedprovider",
    "sourceidentity",
)
_OURS = (
    *(prefix + name for prefix in _PREFIXES for name in _RESERVED),
    "sts:",
    "organizations:",
    "audit:",
    "decisions:",
)


def principal_context(facts: PrincipalFacts, *, now: datetime) -> dict[str, Any]:
    """The keys that follow from the principal and the clock."""
    values: dict[str, Any] = {
        "PrincipalArn": facts.arn,
        "PrincipalAccount": facts.account,
        "PrincipalType": facts.kind.capitalize(),
        "userid": facts.id,
        "CurrentTime": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "EpochTime": int(now.timestamp()),
    }
    if facts.kind != "role":
        values["username"] = facts.name
    for key, value in facts.tags.items():
        values[f"PrincipalTag/{key}"] = value
    return both_prefixes(values)


def both_prefixes(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under `iam:` and `aws:`."""
    return {prefix + key: value for key, value in values.items() for prefix in _PREFIXES}


def check_callers_context(context: Mapping[str, Any]) -> None:
    """Refuse a key that only the server may set. Raises `IamError` of kind `invalid`."""
    for key in context:
        if key.lower().startswith(_OURS):
            message = f"the context key `{key[:128]}` is set by the server, not by the caller"
            raise invalid("context_key_reserved", message)
