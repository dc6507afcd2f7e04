"""Tokens that were seen before, verified once and kept until something ends them.

Verifying a signature and asking the ledger costs more than all the rest of an introspection, so
both are done when a token is first seen. A kept token depends on everything that can end it: its
own revocation, its principal, account and credential, the installation's restore, the key set.
Only expiry follows from the clock, and is checked each time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from iam.authz.condition_keys import both_prefixes
from iam.authz.keys import PublishedKeys
from iam.authz.standing import read_standing, stands
from iam.features.tokens.rules import claimed_audience
from iam.journal.events import SIGNING_KEYS
from iam.kit.snapshot_cache import SnapshotCache
from iam.work import Tools
from iam_policy import Context
from iam_sdk.errors import TokenInvalid
from iam_sdk.tokens import AccessToken, verify_access_token

MAX_TOKENS: Final = 50_000


@dataclass(frozen=True, slots=True)
class KnownToken:
    """An access token of ours whose signature holds, and whether it stood when it was read.

    Attributes:
        token: Its claims.
        audience: Its one audience.
        stands: Whether nothing had ended it.
        context: The condition keys that follow from it.
    """

    token: AccessToken
    audience: str
    stands: bool
    context: Context


class TokenSnapshots:
    """Access tokens by their text."""

    def __init__(self, tools: Tools, keys: PublishedKeys) -> None:
        self._tools = tools
        self._keys = keys
        self.cache: SnapshotCache[str, KnownToken] = SnapshotCache(
            self._load, max_items=MAX_TOKENS, name="tokens"
        )
        tools.changes.subscribe(self.cache)

    async def find(self, text: str) -> KnownToken | None:
        """The token, unless it was never one of ours; whether it has expired is not said."""
        return self.cache.peek(text) or await self.cache.get(text)

    async def _load(self, text: str) -> tuple[KnownToken, frozenset[str]] | None:
        issuer = self._tools.settings.issuer
        try:
            # Whose audience it is, is judged against the caller later; here it must only be one.
            audience = claimed_audience(text)
            token = verify_access_token(
                text,
                keys=await self._keys.get(),
                expected_issuer=issuer,
                expected_audience=audience,
                now=self._tools.clock.now().timestamp(),
            )
        except TokenInvalid:
            return None
        row = await self._standing(token)
        if row is None or row.audience != audience or row.client_id != token.client_id:
            return None
        is_same = row.issued_epoch == token.epoch and row.account == token.account
        depends_on = {token.jti, row.id, f"account:{row.account}", "installation", SIGNING_KEYS}
        if row.credential_id is not None:
            depends_on.add(row.credential_id)
        issued = datetime.fromtimestamp(token.issued_at, UTC).isoformat().replace("+00:00", "Z")
        context = Context(both_prefixes({"TokenIssueTime": issued}))
        known = KnownToken(token, audience, is_same and stands(row), context)
        return known, frozenset(depends_on)

    async def _standing(self, token: AccessToken) -> Any:
        async with self._tools.database.connect(writes=False) as connection:
            return await read_standing(connection, token.jti, subject=token.subject)
