"""Use case of introspection."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from iam.authz.facts import PrincipalFacts
from iam.authz.snapshots import PrincipalSnapshots
from iam.errors import IamError, unauthenticated
from iam.features.introspection.rules import (
    INACTIVE,
    IntrospectionRequest,
    introspection_answer,
    is_party,
)
from iam.features.oauth.service import ClientAuthenticator
from iam.features.oauth.snapshots import AudienceSnapshots
from iam.features.tokens.snapshots import KnownToken, TokenSnapshots
from iam.kit.metrics import Tally
from iam.work import Tools

Introspect = Callable[[IntrospectionRequest], Awaitable[Mapping[str, Any]]]
"""`IntrospectionEndpoint.introspect`."""


def counted(introspect: Introspect, tally: Tally) -> Introspect:
    """The same, and each request counted by its outcome."""
    tally.know([_ACTIVE, _INACTIVE, ("refused",)])

    async def introspect_counted(request: IntrospectionRequest) -> Mapping[str, Any]:
        try:
            answer = await introspect(request)
        except IamError:
            tally.add("refused")
            raise
        tally.counts[_ACTIVE if answer["active"] else _INACTIVE] += 1
        return answer

    return introspect_counted


_ACTIVE: Final = ("active",)
_INACTIVE: Final = ("inactive",)


class IntrospectionEndpoint:
    """Answers what a token is worth, to whom it concerns."""

    def __init__(
        self,
        tools: Tools,
        *,
        clients: ClientAuthenticator,
        principals: PrincipalSnapshots,
        audiences: AudienceSnapshots,
        tokens: TokenSnapshots,
    ) -> None:
        self._tools = tools
        self._clients = clients
        self._principals = principals
        self._audiences = audiences
        self._tokens = tokens

    async def introspect(self, request: IntrospectionRequest) -> Mapping[str, Any]:
        """The members of the answer. Raises `IamError` when nobody is proven to ask."""
        now = self._tools.clock.now()
        if request.proof is not None:
            client = await self._clients.authenticate(request.proof, now=now)
            await self._clients.use_up(client)
            caller = client.facts
        else:
            caller = await self._bearer(request.bearer or "", now)
        known = await self._tokens.find(request.token)
        if known is None or not _is_good(known, now) or not await self._concerns(known, caller):
            return INACTIVE
        return introspection_answer(known.token)

    async def _bearer(self, text: str, now: datetime) -> PrincipalFacts:
        """Whom an access token for ourselves speaks for (RFC 7662 section 2.1)."""
        self._clients.check_sight()
        known = await self._tokens.find(text)
        if known is not None and known.audience == self._tools.settings.issuer:
            facts = await self._principals.get(known.token.subject)
            if facts is not None and _is_good(known, now):
                return facts
        raise unauthenticated("invalid_token", "the access token is not accepted")

    async def _concerns(self, known: KnownToken, caller: PrincipalFacts) -> bool:
        """Whether the caller is the token's audience, subject or client (RFC 7662 section 4)."""
        if known.token.account != caller.account:
            return False
        if is_party(known.token, caller.id):
            return True
        audience = await self._audiences.find(caller.account, known.audience)
        return audience is not None and audience.service_id == caller.id


def _is_good(known: KnownToken, now: datetime) -> bool:
    # No tolerance: our own clock set the expiry.
    return known.stands and now.timestamp() < known.token.expires_at
