"""What differs between grants: the hooks that the token endpoint's pipeline calls."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from iam.authz.facts import PrincipalFacts
from iam.features.oauth.rules import OAuthRequest


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant gives: whom the token speaks for, with which scopes at most, for how long."""

    subject: PrincipalFacts
    scopes: frozenset[str]
    ttl: timedelta


@dataclass(frozen=True, slots=True)
class Asked:
    """What a grant decides from: the request, its proven client, the clock and the lifetimes."""

    request: OAuthRequest
    client: PrincipalFacts
    now: datetime
    service_ttl: timedelta


class GrantType(Protocol):
    """One way to be granted a token."""

    @property
    def name(self) -> str:
        """The value of `grant_type`."""

    async def grant(self, asked: Asked) -> Granted:
        """Say what this client is granted. Raises `IamError` with a code of OAuth."""
