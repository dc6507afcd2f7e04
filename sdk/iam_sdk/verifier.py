"""The verifier a service keeps: keys, expectations, and what it remembers about tokens."""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from iam_sdk.jwk import ALGORITHMS
from iam_sdk.jws import KeySet, parse_header
from iam_sdk.tokens import EXPIRY_LEEWAY_SECONDS, AccessToken, verify_access_token
from iam_sdk.verified_tokens import Revocations, VerifiedTokenCache


class Keys(Protocol):
    """Where keys come from: a `iam_sdk.jwks.KeyCache`, or an issuer inside a test."""

    def keys_for(self, kid: str) -> KeySet:
        """The set to look ``kid`` up in."""

    def keys_for_async(self, kid: str) -> Awaitable[KeySet]:
        """As `keys_for`, for callers on an event loop."""


class TokenVerifier:
    """Verifies the access tokens that callers show to one service.

    ``audience`` is the service's own; ``account``, if given, the only one it serves. ``now`` is
    Unix seconds. One verifier is for all threads and event loops of a process.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        account: str | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        now: Callable[[], float] = time.time,  # noqa: TID251 - tokens are dated by the real clock
    ) -> None:
        self.now = now
        self.revocations = Revocations()
        self._keys = keys
        self._verified = VerifiedTokenCache()
        self._expectations: dict[str, Any] = {
            "expected_issuer": issuer,
            "expected_audience": audience,
            "expected_account": account,
            "algorithms": frozenset(algorithms),
        }

    def verify(self, token: str) -> AccessToken:
        """Judge a token. Waits only for a key that is not known yet. Raises TokenInvalid."""
        now = self.now()
        access = self._verified.get(token, now)
        if access is None:
            access = self._judge(token, self._keys.keys_for(parse_header(token).kid), now)
        self.revocations.check(access)
        return access

    async def verify_async(self, token: str) -> AccessToken:
        """As `verify`, without holding up the event loop."""
        now = self.now()
        access = self._verified.get(token, now)
        if access is None:
            keys = await self._keys.keys_for_async(parse_header(token).kid)
            access = self._judge(token, keys, now)
        self.revocations.check(access)
        return access

    def forget_key(self, kid: str) -> None:
        """Forget what a tainted key has signed; the key cache must be told too."""
        self._verified.forget_key(kid)

    def _judge(self, token: str, keys: KeySet, now: float) -> AccessToken:
        access = verify_access_token(token, keys=keys, now=now, **self._expectations)
        self._verified.put(token, access, access.expires_at + EXPIRY_LEEWAY_SECONDS)
        return access
