"""One line for a service: who am I, who calls me, may they, and a token for calling others."""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iam_sdk.credentials import Settings, find_settings
from iam_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from iam_sdk.authorizer import AsyncAuthorizer, Authorizer
    from iam_sdk.source import AsyncTokenSource, TokenSource
    from iam_sdk.verifier import TokenVerifier


def connect(audience: str | None = None, **explicit: Any) -> "Connection":
    """Find issuer and credentials by the chain of `iam_sdk.credentials`, and hold what uses them.

    ``audience`` is what callers' tokens must be for (default ``IAM_AUDIENCE``); a service that only
    calls others needs none. ``explicit`` are the arguments of `find_settings`. Nothing is fetched
    before it is needed. Raises ConfigurationError or CredentialsNotFoundError.
    """
    return Connection(find_settings(**explicit), audience or os.environ.get("IAM_AUDIENCE"))


class Connection:
    """What one process has of the SDK; each part is made when it is first used, and then kept."""

    def __init__(self, settings: Settings, audience: str | None = None) -> None:
        self.settings = settings
        self.audience = audience

    @cached_property
    def verifier(self) -> "TokenVerifier":
        """Judges the tokens of callers. Raises ConfigurationError without an audience."""
        from functools import partial

        from iam_sdk.jwks import KeyCache
        from iam_sdk.transport import send_once
        from iam_sdk.verifier import TokenVerifier

        if self.audience is None:
            raise ConfigurationError("audience_missing", "pass audience= or set IAM_AUDIENCE")
        keys = KeyCache(
            self.settings.endpoints.jwks,
            allow_http_internal=self.settings.allow_http_internal,
            send=partial(send_once, ca_bundle=self.settings.ca_bundle),
        )
        issuer = self.settings.endpoints.issuer
        return TokenVerifier(keys, issuer=issuer, audience=self.audience)

    @cached_property
    def tokens(self) -> "TokenSource":
        """Tokens for calling others, from threads."""
        from iam_sdk.source import TokenSource

        return TokenSource(self.settings)

    @cached_property
    def async_tokens(self) -> "AsyncTokenSource":
        """Tokens for calling others, on an event loop."""
        from iam_sdk.source import AsyncTokenSource

        return AsyncTokenSource(self.settings)

    @cached_property
    def authorizer(self) -> "Authorizer":
        """Decisions, from threads."""
        from iam_sdk.authorizer import Authorizer
        from iam_sdk.transport import new_client, send_with

        send = send_with(new_client(self.settings.ca_bundle))
        return Authorizer(self.settings.endpoints, self.tokens, send=send)

    @cached_property
    def async_authorizer(self) -> "AsyncAuthorizer":
        """Decisions, on an event loop."""
        from iam_sdk.authorizer import AsyncAuthorizer
        from iam_sdk.transport import new_async_client, send_with_async

        send = send_with_async(new_async_client(self.settings.ca_bundle))
        return AsyncAuthorizer(self.settings.endpoints, self.async_tokens, send=send)

    def auth(self, audience: str) -> Any:
        """Auth for an ``httpx2.Client``: a token for ``audience`` on each request."""
        from iam_sdk.http_auth import BearerAuth

        return BearerAuth(self.tokens, audience)

    def async_auth(self, audience: str) -> Any:
        """Auth for an ``httpx2.AsyncClient``: a token for ``audience`` on each request."""
        from iam_sdk.http_auth import BearerAuth

        return BearerAuth(self.async_tokens, audience)
