"""What is remembered about tokens: those verified before, and those revoked since. No I/O.

A token is remembered by its exact bytes, so the second sight of it costs a dictionary look-up. What
is revoked is refused at the second sight as at the first.
"""

import threading
from typing import Final

from iam_sdk.errors import TokenInvalid
from iam_sdk.reasons import Reason
from iam_sdk.tokens import AccessToken

MAX_REMEMBERED: Final = 10_000


class Revocations:
    """Token ids, sessions and principal epochs that are no longer good, until they would expire."""

    def __init__(self) -> None:
        self._ids: dict[str, float] = {}
        self._epochs: dict[str, int] = {}

    def revoke(self, token_or_session_id: str, until: float) -> None:
        """Refuse a ``jti`` or ``sid``; ``until`` (Unix seconds) is when its last token expires."""
        self._ids[token_or_session_id] = until

    def raise_epoch(self, subject: str, epoch: int) -> None:
        """Refuse every token of ``subject`` that was issued under an earlier epoch."""
        self._epochs[subject] = max(epoch, self._epochs.get(subject, 0))

    def check(self, token: AccessToken) -> None:
        """Raise TokenInvalid with the reason ``revoked`` if the token is not good any more."""
        if token.jti in self._ids or token.session_id in self._ids:
            raise TokenInvalid(Reason.REVOKED)
        # A token that does not say its epoch is older than any that was raised.
        if (token.epoch or 0) < self._epochs.get(token.subject, 0):
            raise TokenInvalid(Reason.REVOKED)

    def forget_expired(self, now: float) -> None:
        """Drop the ids of tokens that have expired by themselves."""
        for token_id in [i for i, until in self._ids.copy().items() if until <= now]:
            self._ids.pop(token_id, None)


class VerifiedTokenCache:
    """Tokens that one verifier has accepted. Reads take no lock.

    A cache belongs to one set of expectations (issuer, audience, account): what one verifier
    accepted says nothing about another.
    """

    def __init__(self, max_tokens: int = MAX_REMEMBERED) -> None:
        self._max_tokens = max_tokens
        self._tokens: dict[str, tuple[AccessToken, float]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, token: str, now: float) -> AccessToken | None:
        """The verified token of exactly these bytes, unless it has expired by ``now``."""
        found = self._tokens.get(token)
        return found[0] if found is not None and now < found[1] else None

    def put(self, token: str, verified: AccessToken, until: float) -> None:
        """Remember a verified token until ``until`` (Unix seconds); the oldest makes room."""
        with self._lock:
            while len(self._tokens) >= self._max_tokens:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[token] = (verified, until)

    def forget_key(self, kid: str) -> None:
        """Drop every token that a key has signed: the key is tainted."""
        with self._lock:
            kept = {t: f for t, f in self._tokens.items() if f[0].key_id != kid}
            self._tokens = kept
