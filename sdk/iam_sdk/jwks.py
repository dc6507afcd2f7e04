"""The issuer's keys, kept near: whoever knows the key never waits, whatever the network does.

A set is renewed in the background every five minutes or so, and at once (within a cool-down) when a
token names a key that is not known yet. While the issuer cannot be reached the last set serves for
24 hours; after that, verification fails closed and says why.
"""

import logging
import random  # noqa: TID251 - spread of renewals, not a secret; replaceable by argument
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from iam_policy.strict_json import JsonError, JsonLimits, parse_json
from iam_sdk.endpoints import check_address
from iam_sdk.errors import KeySetError, TokenInvalid, TransportError
from iam_sdk.jws import KeySet
from iam_sdk.reasons import Reason
from iam_sdk.renewal import Fetched, Renewer, Slot
from iam_sdk.transport import Flow, HttpRequest, Sender, drive, send_once

REFRESH_SECONDS: Final = 300
REFRESH_FLOOR_SECONDS: Final = 60
REFRESH_SPREAD: Final = 0.2
COOLDOWN_SECONDS: Final = 30
FIRST_COOLDOWN_SECONDS: Final = 1
"""While there are no keys at all: a service often starts a moment before its issuer answers."""
STALE_SECONDS: Final = 24 * 60 * 60
TIMEOUT_SECONDS: Final = 3.0
MAX_JWKS_BYTES: Final = 256 * 1024

_HTTP_OK: Final = 200
_HTTP_NOT_MODIFIED: Final = 304
_LIMITS: Final = JsonLimits(max_bytes=MAX_JWKS_BYTES)
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)
_log = logging.getLogger("iam_sdk.jwks")


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """A key set as it was fetched, with what the next request needs. ``max_age`` is in seconds."""

    keys: KeySet
    etag: str | None
    max_age: int


def fetch_keys(url: str, known: PublishedKeys | None) -> Flow[PublishedKeys]:
    """Ask for the key set; ``known`` spares the body when nothing has changed (304).

    Raises TransportError or KeySetError; the caller keeps what it has.
    """
    headers = {"accept": "application/json"}
    if known is not None and known.etag is not None:
        headers["if-none-match"] = known.etag
    response = yield HttpRequest(
        "GET", url, headers, max_bytes=MAX_JWKS_BYTES, timeout=TIMEOUT_SECONDS
    )
    max_age = _max_age(response.headers)
    if response.status == _HTTP_NOT_MODIFIED and known is not None:
        return PublishedKeys(known.keys, known.etag, max_age)
    if response.status != _HTTP_OK:
        raise TransportError("answer_unexpected", f"status {response.status}")
    try:
        keys = KeySet.from_jwks(parse_json(response.body, _LIMITS))
    except JsonError as error:
        raise KeySetError("not_json", error.reason) from error
    if not keys:
        raise KeySetError("no_usable_key")
    return PublishedKeys(keys, response.headers.get("etag"), max_age)


class KeyCache:
    """The keys of one issuer for all threads and event loops of a process.

    ``clock`` is monotonic, in seconds. Raises ConfigurationError when ``url`` is not https, nor
    plain http on loopback (or anywhere, with ``allow_http_internal``).
    """

    def __init__(
        self,
        url: str,
        *,
        allow_http_internal: bool = False,
        send: Sender = send_once,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,  # noqa: S311 - see the import
    ) -> None:
        check_address(url, allow_http_internal=allow_http_internal)
        self._url = url
        self._send = send
        self._clock = clock
        self._spread = spread
        self._tainted: frozenset[str] = frozenset()
        slot: Slot[PublishedKeys] = Slot(COOLDOWN_SECONDS, first_cooldown=FIRST_COOLDOWN_SECONDS)
        self._renewer = Renewer(slot, self._fetch, clock=clock, patience=TIMEOUT_SECONDS + 0.5)

    def keys_for(self, kid: str) -> KeySet:
        """The set to look ``kid`` up in. Waits, 3 seconds at most, only when it is unknown.

        Raises TokenInvalid (``jwks_unavailable``, ``jwks_stale``) when there is no set to use.
        """
        published = self._renewer.peek()
        if published is None or kid not in published.keys:
            published = self._renewer.renewed()
        return self._judged(published)

    async def keys_for_async(self, kid: str) -> KeySet:
        """As `keys_for`, without holding up the event loop."""
        published = self._renewer.peek()
        if published is None or kid not in published.keys:
            published = await self._renewer.renewed_async()
        return self._judged(published)

    def taint(self, kid: str) -> None:
        """Trust a key no more, whatever the published set says."""
        self._tainted |= {kid}

    @property
    def failure(self) -> Exception | None:
        """Why the last attempt to fetch the set failed, or None if it did not."""
        return self._renewer.slot.failure

    def _judged(self, published: PublishedKeys | None) -> KeySet:
        if published is None:
            had_some = self._renewer.slot.fetched is not None
            raise TokenInvalid(Reason.JWKS_STALE if had_some else Reason.JWKS_UNAVAILABLE)
        return published.keys.without(self._tainted) if self._tainted else published.keys

    def _fetch(self) -> Fetched[PublishedKeys]:
        fetched = self._renewer.slot.fetched
        known = fetched.value if fetched is not None else None
        try:
            published = drive(fetch_keys(self._url, known), self._send)
        except KeySetError as error:
            # The issuer answers, and wrongly: that is never just the network.
            _log.error("the key set of %s is refused: %s", self._url, error)
            raise
        except TransportError as error:
            _log.warning("the key set of %s cannot be fetched: %s", self._url, error)
            raise
        now = self._clock()
        return Fetched(published, now + self._interval(published.max_age), now + STALE_SECONDS)

    def _interval(self, max_age: int) -> float:
        base = min(max(max_age, REFRESH_FLOOR_SECONDS), REFRESH_SECONDS)
        spread = 1 + REFRESH_SPREAD * (2 * self._spread() - 1)
        return max(base * spread, REFRESH_FLOOR_SECONDS)


def _max_age(headers: Mapping[str, str]) -> int:
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    return int(found.group(1)) if found else REFRESH_SECONDS
