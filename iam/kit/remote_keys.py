"""Key sets that others publish, fetched through the guarded client and kept.

A set is renewed in the background every few minutes, and at once when somebody asks for a key that
it does not have. Attempts to one address are a cool-down apart, whether they succeed or fail, so
made-up key ids cannot make us hammer a publisher. While a publisher is away or answers nonsense
the last good set serves, for a day at most.
"""

import asyncio
from collections import OrderedDict
from typing import Final
from urllib.parse import urlsplit

import structlog

from iam.errors import IamError
from iam.kit.clock import Clock
from iam.kit.outbound import Outbound
from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_sdk.errors import KeySetError
from iam_sdk.jws import KeySet

REFRESH_SECONDS: Final = 300.0
COOLDOWN_SECONDS: Final = 30.0
STALE_SECONDS: Final = 24 * 60 * 60.0
TIMEOUT_SECONDS: Final = 3.0
MAX_BYTES: Final = 256 * 1024
MAX_ADDRESSES: Final = 10_000

_HTTP_OK: Final = 200
_LONG_AGO: Final = float("-inf")
_LIMITS: Final = JsonLimits(max_bytes=MAX_BYTES)
_log = structlog.get_logger(__name__)


class _Published:
    """What is known of one address. Times are monotonic, in seconds."""

    __slots__ = ("attempted_at", "fetched_at", "flight", "keys")

    def __init__(self) -> None:
        self.keys: KeySet | None = None
        self.fetched_at = _LONG_AGO
        self.attempted_at = _LONG_AGO
        self.flight: asyncio.Task[None] | None = None

    def usable(self, now: float) -> KeySet | None:
        """The last good set, unless it is too old to trust."""
        return self.keys if now - self.fetched_at <= STALE_SECONDS else None

    def lacks(self, kid: str | None, now: float) -> bool:
        """Whether somebody who wants this key must wait for another attempt."""
        keys = self.usable(now)
        return keys is None or (kid is not None and kid not in keys)


class RemoteKeySets:
    """The key sets of many publishers, by address; the least recently used are forgotten."""

    def __init__(
        self, outbound: Outbound, clock: Clock, *, max_addresses: int = MAX_ADDRESSES
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._max_addresses = max_addresses
        self._published: OrderedDict[str, _Published] = OrderedDict()

    async def get(self, url: str, *, kid: str | None = None) -> KeySet | None:
        """The key set at this address; `None` when there has been none for a day.

        Waits, three seconds at most, only when there is no set yet or it has no key `kid`.
        """
        published = self._at(url)
        now = self._clock.monotonic()
        if published.lacks(kid, now):
            flight = self._attempt(url, published, now)
            if flight is not None:
                # A caller that goes away must not take the attempt of the others with it.
                await asyncio.shield(flight)
        elif now - published.fetched_at >= REFRESH_SECONDS:
            self._attempt(url, published, now)
        return published.usable(self._clock.monotonic())

    def _at(self, url: str) -> _Published:
        published = self._published.get(url)
        if published is None:
            if len(self._published) >= self._max_addresses:
                self._published.popitem(last=False)
            published = self._published[url] = _Published()
        self._published.move_to_end(url)
        return published

    def _attempt(self, url: str, published: _Published, now: float) -> asyncio.Task[None] | None:
        """The attempt under way, or a new one unless the last is too recent."""
        if published.flight is None and now - published.attempted_at >= COOLDOWN_SECONDS:
            published.attempted_at = now
            published.flight = asyncio.create_task(self._fetch(url, published))
        return published.flight

    async def _fetch(self, url: str, published: _Published) -> None:
        try:
            keys = await self._fetch_keys(url)
        except (IamError, KeySetError, JsonError) as error:
            # The host alone: an address may carry what its owner considers a secret.
            host = urlsplit(url).hostname
            _log.warning("key_set_unreadable", host=host, error=type(error).__name__)
        else:
            published.keys, published.fetched_at = keys, self._clock.monotonic()
        finally:
            published.flight = None

    async def _fetch_keys(self, url: str) -> KeySet:
        answer = await self._outbound.fetch(
            url,
            headers={"accept": "application/jwk-set+json, application/json"},
            timeout=TIMEOUT_SECONDS,
            max_bytes=MAX_BYTES,
        )
        if answer.status != _HTTP_OK:
            raise KeySetError("status_unexpected", str(answer.status))
        keys = KeySet.from_jwks(parse_json(answer.body, _LIMITS))
        if not keys:
            raise KeySetError("no_usable_key")
        return keys
