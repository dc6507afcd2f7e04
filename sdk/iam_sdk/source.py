"""Tokens for calling others: one per audience, renewed early, fetched once however many ask.

A token is renewed between half and three quarters of its life, in the background. When that fails
the earlier one serves for as long as it is valid.
"""

import asyncio
import os
import random  # noqa: TID251 - spread of renewals, not a secret; replaceable by argument
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from iam_policy.strict_json import JsonError, parse_json
from iam_sdk.client_auth import ASSERTION_TYPE, ClientKey, basic_authorization
from iam_sdk.credentials import Credentials, Settings
from iam_sdk.encoding import b64url_encode
from iam_sdk.endpoints import Endpoints
from iam_sdk.errors import TokenUnavailableError, TransportError
from iam_sdk.renewal import AsyncRenewer, Fetched, Renewer, Slot
from iam_sdk.transport import (
    AsyncSender,
    Flow,
    HttpRequest,
    HttpResponse,
    Sender,
    drive,
    drive_async,
    send_once,
)

COOLDOWN_SECONDS: Final = 5
TIMEOUT_SECONDS: Final = 5.0
RENEW_FROM: Final = 0.5
RENEW_UNTIL: Final = 0.75
# A token that expires on its way is refused on arrival.
MARGIN_SECONDS: Final = 10
MAX_LIFETIME_SECONDS: Final = 24 * 60 * 60

_HTTP_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as the issuer gave it; ``expires_in`` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int


def request_token(
    endpoints: Endpoints,
    credentials: Credentials,
    audience: str,
    *,
    now: Callable[[], float],
    new_id: Callable[[], str],
) -> Flow[Grant]:
    """Ask for a token for ``audience`` (client_credentials, RFC 6749 4.4 with RFC 8707).

    A secret or key in a file is read anew when it is refused: it may just have been rotated.
    Raises TokenUnavailableError with the OAuth error as its reason, or TransportError.
    """
    proof = credentials.proof.read()
    ask = partial(_token_request, endpoints, credentials.client_id, audience)
    response = yield ask(proof, int(now()), new_id())
    if _error_of(response) == "invalid_client":
        again = credentials.proof.read()
        if again != proof:
            response = yield ask(again, int(now()), new_id())
    return _grant(response)


class TokenSource:
    """Tokens for threads. ``token`` answers at once while it has a token that is still good."""

    def __init__(
        self,
        settings: Settings,
        *,
        send: Sender | None = None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,  # noqa: S311 - see the import
    ) -> None:
        self._settings = settings
        self._send = send or partial(send_once, ca_bundle=settings.ca_bundle)
        self._clock = clock
        self._spread = spread
        self._renewers: dict[str, Renewer[str]] = {}
        self._forced = _Forced(clock)
        self._lock = threading.Lock()

    def token(self, audience: str) -> str:
        """A valid access token for ``audience``. Raises TokenUnavailableError."""
        renewer = self._renewer(audience)
        token = renewer.get()
        if token is None:
            raise _unavailable(renewer.slot)
        return token

    def renew(self, audience: str, refused: str) -> str | None:
        """Another token than the one that was refused, or None if there is none to be had now."""
        renewer = self._renewer(audience)
        token = renewer.peek()
        if token == refused:
            token = renewer.renewed() if self._forced.may(audience) else None
        return token if token != refused else None

    def _renewer(self, audience: str) -> Renewer[str]:
        with self._lock:
            if audience not in self._renewers:
                self._renewers[audience] = Renewer(
                    Slot(COOLDOWN_SECONDS, after_failure_only=True),
                    partial(self._fetch, audience),
                    clock=self._clock,
                    patience=TIMEOUT_SECONDS * 2 + 1,
                )
            return self._renewers[audience]

    def _fetch(self, audience: str) -> Fetched[str]:
        asked_at = self._clock()
        grant = drive(_flow(self._settings, audience), self._send)
        return _fetched(grant, asked_at, self._spread())


class AsyncTokenSource:
    """Tokens for one event loop; otherwise as `TokenSource`."""

    def __init__(
        self,
        settings: Settings,
        *,
        send: AsyncSender | None = None,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[], float] = random.random,  # noqa: S311 - see the import
    ) -> None:
        self._settings = settings
        self._send = send or partial(_send_from_thread, ca_bundle=settings.ca_bundle)
        self._clock = clock
        self._spread = spread
        self._renewers: dict[str, AsyncRenewer[str]] = {}
        self._forced = _Forced(clock)

    async def token(self, audience: str) -> str:
        """A valid access token for ``audience``. Raises TokenUnavailableError."""
        renewer = self._renewer(audience)
        token = await renewer.get()
        if token is None:
            raise _unavailable(renewer.slot)
        return token

    async def renew(self, audience: str, refused: str) -> str | None:
        """Another token than the one that was refused, or None if there is none to be had now."""
        renewer = self._renewer(audience)
        token = renewer.slot.usable(self._clock())
        if token == refused:
            token = await renewer.renewed() if self._forced.may(audience) else None
        return token if token != refused else None

    def _renewer(self, audience: str) -> AsyncRenewer[str]:
        if audience not in self._renewers:
            self._renewers[audience] = AsyncRenewer(
                Slot(COOLDOWN_SECONDS, after_failure_only=True),
                partial(self._fetch, audience),
                clock=self._clock,
            )
        return self._renewers[audience]

    async def _fetch(self, audience: str) -> Fetched[str]:
        asked_at = self._clock()
        grant = await drive_async(_flow(self._settings, audience), self._send)
        return _fetched(grant, asked_at, self._spread())


class _Forced:
    """Keeps a callee that refuses every token from costing a token for every call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def may(self, audience: str) -> bool:
        now = self._clock()
        if now < self._last.get(audience, float("-inf")) + COOLDOWN_SECONDS:
            return False
        self._last[audience] = now
        return True


def _flow(settings: Settings, audience: str) -> Flow[Grant]:
    return request_token(
        settings.endpoints,
        settings.credentials,
        audience,
        now=time.time,  # noqa: TID251 - the issuer compares an assertion with its own clock
        new_id=lambda: b64url_encode(os.urandom(16)),
    )


def _fetched(grant: Grant, asked_at: float, spread: float) -> Fetched[str]:
    life = grant.expires_in
    renew_after = life * (RENEW_FROM + (RENEW_UNTIL - RENEW_FROM) * spread)
    usable_for = life - min(MARGIN_SECONDS, life * (1 - RENEW_UNTIL))
    return Fetched(grant.access_token, asked_at + renew_after, asked_at + usable_for)


def _unavailable(slot: Slot[str]) -> TokenUnavailableError:
    failure = slot.failure
    if failure is None:
        return TokenUnavailableError("expired_on_arrival")
    return TokenUnavailableError(failure.reason, failure.detail)


async def _send_from_thread(request: HttpRequest, ca_bundle: str | None) -> HttpResponse:
    # One request in half an hour: a thread costs less than a connection pool per event loop.
    return await asyncio.to_thread(send_once, request, ca_bundle)


def _token_request(
    endpoints: Endpoints, client_id: str, audience: str, proof: str | ClientKey, now: int, jti: str
) -> HttpRequest:
    form = {"grant_type": "client_credentials", "resource": audience}
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    if isinstance(proof, str):
        headers["authorization"] = basic_authorization(client_id, proof)
    else:
        # RFC 7523 section 3: the issuer's own name is the audience every edition agrees on.
        form["client_assertion_type"] = ASSERTION_TYPE
        form["client_assertion"] = proof.assertion(client_id, endpoints.issuer, now=now, jti=jti)
    body = urlencode(form).encode()
    return HttpRequest("POST", endpoints.token, headers, body, timeout=TIMEOUT_SECONDS)


def _error_of(response: HttpResponse) -> str | None:
    if response.status == _HTTP_OK:
        return None
    error = _json_object(response.body).get("error")
    return error if isinstance(error, str) else f"status_{response.status}"


def _grant(response: HttpResponse) -> Grant:
    error = _error_of(response)
    if error is not None:
        raise TokenUnavailableError(error)
    answer = _json_object(response.body)
    token, life = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise TransportError("answer_unexpected", "no access token")
    if str(answer.get("token_type")).lower() != "bearer":
        raise TransportError("answer_unexpected", "not a bearer token")
    if type(life) is not int or not 0 < life <= MAX_LIFETIME_SECONDS:
        raise TransportError("answer_unexpected", "no lifetime")
    return Grant(token, life)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = parse_json(body)
    except JsonError:
        return {}
    return answer if isinstance(answer, dict) else {}
