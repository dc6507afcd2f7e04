"""Everything this SDK raises, as one tree.

IamSdkError
├── TokenInvalid                    a token or client assertion must not be trusted
├── KeyRefusedError                 one JWK breaks the key policy; a set skips it and says why
├── KeySetError                     a whole JWK Set is refused (no set, too large, private members)
├── ConfigurationError              what the service was told cannot work or must not be trusted
│   └── CredentialsNotFoundError    no credential anywhere in the chain; it lists every place
├── TokenUnavailableError           no access token for calling others
└── TransportError                  the issuer was unreachable, or its answer broke a limit

Each has a ``reason``: a stable word to log, count and branch on. A refused request is not an
exception: an authorizer answers with a `Decision` that carries its reasons.
"""

from collections.abc import Sequence


class IamSdkError(Exception):
    """The root of the tree; catching it catches all that the SDK raises on purpose."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class TokenInvalid(IamSdkError):  # noqa: N818 - the public contract's own name
    """A token must not be trusted; ``reason`` is a value of `iam_sdk.reasons.Reason`.

    The message never contains any part of the token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class KeyRefusedError(IamSdkError):
    """One JSON Web Key breaks the key policy of `iam_sdk.jwk`."""


class KeySetError(IamSdkError):
    """A JWK Set is refused as a whole; the reason ``private_members`` deserves an alarm."""


class ConfigurationError(IamSdkError):
    """An issuer, address or credential given to the SDK cannot work or must not be trusted."""


class CredentialsNotFoundError(ConfigurationError):
    """No place of the credential chain had a credential; ``tried`` says what each one had."""

    def __init__(self, tried: Sequence[str]) -> None:
        super().__init__("credentials_not_found", "; ".join(tried))
        self.tried = tuple(tried)


class TokenUnavailableError(IamSdkError):
    """No access token could be had for an audience, and no earlier one is still valid."""


class TransportError(IamSdkError):
    """The issuer was unreachable, too slow, or its answer broke a limit."""
