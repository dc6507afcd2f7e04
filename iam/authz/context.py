"""The condition keys that the server sets itself, and refuses from callers.

Keys under `iam:` and `aws:` alike (domain.md: Policies). To the engine they are plain text.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from iam.authz.condition_keys import PREFIXES, both_prefixes, clock_keys
from iam.authz.facts import PrincipalFacts
from iam.errors import invalid
from iam_policy import Context

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
    *(prefix + name for prefix in PREFIXES for name in _RESERVED),
    "sts:",
    "organizations:",
    "audit:",
    "decisions:",
)


def principal_context(facts: PrincipalFacts, *, now: datetime) -> Context:
    """The keys that follow from the principal and the clock, in lower case."""
    return Context.joined(*principal_keys(facts, now=now))


def principal_keys(facts: PrincipalFacts, *, now: datetime) -> tuple[Context, Context]:
    """The same, not joined yet, for who has more to add."""
    return facts.context, clock_keys(now)


def check_callers_context(context: Mapping[str, Any]) -> None:
    """Refuse a key that only the server may set. Raises `IamError` of kind `invalid`."""
    for key in context:
        if key.lower().startswith(_OURS):
            message = f"the context key `{key[:128]}` is set by the server, not by the caller"
            raise invalid("context_key_reserved", message)


__all__ = ["both_prefixes", "check_callers_context", "principal_context", "principal_keys"]
